// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Vip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.TcxLink;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Hexdump;
import io.xdplb.testing.packet.Packet;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * A balancer in a network namespace whose neighbours exist in the kernel's tables only, and packets
 * that are run through the program that ships (BPF_PROG_TEST_RUN) as received on {@code eth0}. The
 * tests of a class share the datapath and run inside the namespace; each finds no VIPs.
 *
 * <pre>
 * clients ─ router .254 ─┐
 * backends .101 … .120 ──┴─ 198.51.100.0/24, 2001:db8:0:1::/64 ─ eth0 balancer .1
 * </pre>
 */
final class PacketLab
    implements BeforeAllCallback, AfterAllCallback, AfterEachCallback, InvocationInterceptor {
  static final PortRange NAT_PORTS = new PortRange(10000, 29999);
  static final String MAC =
      "02:00:00:00:00:01"; // what a Frame is sent to, unless it says otherwise
  static final String ROUTER_MAC = "02:00:00:00:00:fe";

  private static final int BACKENDS = 20;
  private static final int TC_ACT_UNSPEC = -1;

  /** Where a flow was sent. */
  record Translation(String backend, int backendPort, int natPort) {}

  private final Function<Path, DatapathConfig> config;
  private Netns machine;
  private Netns wire;
  private Host host;
  private int ifindex;
  private TestDatapath test;

  PacketLab(Function<Path, DatapathConfig> config) {
    this.config = config;
  }

  PacketLab() {
    this(NAT_PORTS, 1 << 16);
  }

  PacketLab(PortRange natPorts, int maxFlows) {
    this(
        pins ->
            new DatapathConfig(
                pins,
                natPorts,
                1024,
                4096,
                1 << 18,
                maxFlows,
                DatapathConfig.AttachPreference.NATIVE));
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    machine = Netns.create("lb");
    wire = Netns.create("wire");
    Netns.veth(machine, "eth0", wire, "eth0");
    machine.sysctl("net.ipv4.ip_forward", "1");
    machine.sysctl("net.ipv6.conf.all.forwarding", "1");
    host = new Host(machine, "lb", "eth0", Kind.TCP4.balancer(), Kind.TCP6.balancer());
    List<String> lines = new ArrayList<>();
    lines.add("link set eth0 address " + MAC);
    lines.add("addr add 198.51.100.1/24 dev eth0");
    lines.add("addr add 2001:db8:0:1::1/64 dev eth0 nodad");
    for (String router : List.of("198.51.100.254", "2001:db8:0:1::fe")) {
      lines.add(neighbour(router, ROUTER_MAC));
      lines.add("route add default via " + router);
    }
    for (int backend = 1; backend <= BACKENDS; backend++) {
      lines.add(neighbour(Kind.TCP4.backend(backend), backendMac(backend)));
      lines.add(neighbour(Kind.TCP6.backend(backend), backendMac(backend)));
    }
    machine.ip(lines.toArray(String[]::new));
    ifindex = machine.index("eth0");
    test = TestDatapath.open(host, config);
  }

  private static String neighbour(String address, String mac) {
    return "neigh replace %s lladdr %s dev eth0 nud permanent".formatted(address, mac);
  }

  static String backendMac(int number) {
    return "02:00:00:00:01:%02x".formatted(number);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    if (test != null) {
      test.close();
    }
    if (machine != null) {
      machine.close();
    }
    if (wire != null) {
      wire.close();
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    test.datapath().programmed().forEach(vip -> test.remove(vip.key()));
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    inside(invocation);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    inside(invocation);
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    inside(invocation);
  }

  private void inside(Invocation<Void> invocation) throws Throwable {
    Throwable[] failure = {null};
    machine.call(
        () -> {
          try {
            invocation.proceed();
          } catch (Throwable t) {
            failure[0] = t;
          }
          return null;
        });
    if (failure[0] != null) {
      throw failure[0];
    }
  }

  // ---- what there is

  TestDatapath test() {
    return test;
  }

  Netns netns() {
    return machine;
  }

  Path pin(String map) {
    return Maps.mapPins(test.pinPath()).resolve(map);
  }

  void program(Vip... vips) {
    for (Vip vip : vips) {
      test.program(vip);
    }
  }

  /** As {@link #program}; where maps are full, entries that have become free rest for a while. */
  void programWhenRested(Vip vip) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (true) {
      try {
        program(vip);
        return;
      } catch (IllegalStateException e) {
        if (!(e.getCause() instanceof DatapathException full)
            || full.reason() != DatapathException.Reason.MapFull
            || System.nanoTime() > deadline) {
          throw e;
        }
      }
      LockSupport.parkNanos(10_000_000);
    }
  }

  /** Changes the datapath's configuration, as if the agent had. */
  void configure(Consumer<ByteBuffer> change) {
    try (BpfMap map = BpfMap.openPinned(pin("config"))) {
      byte[] key = BackendTable.key(0);
      byte[] value = map.lookup(key).orElseThrow();
      change.accept(ByteBuffer.wrap(value).order(ByteOrder.nativeOrder()));
      map.put(key, value);
    }
  }

  /** The kernel's time, of which {@link Layouts.Config#SECOND} is a second. */
  int jiffies() {
    try (BpfProgram program = BpfProgram.openPinned(test.pinPath().resolve("jiffies"))) {
      return FlowClock.jiffies(program);
    }
  }

  long drops(DropReason reason) {
    try (DatapathView view = DatapathView.open(test.pinPath())) {
      return view.drops().get(reason);
    }
  }

  // ---- packets

  /** Runs the program on a frame. */
  TestRun.Result run(byte[] frame) {
    return test.datapath().program().testRun(TestRun.on(frame).receivedOn(ifindex, 0));
  }

  /** Runs the program of the way out on what this machine sends by {@code eth0}. */
  TestRun.Result runOut(byte[] frame) {
    Path pin = test.pinPath().resolve("egress");
    if (!Files.exists(pin)) {
      try (TcxLink link = TcxLink.openPinned(test.pinPath().resolve("tcx/eth0"))) {
        String id = Integer.toString(link.info().programId());
        machine.run("bpftool", "prog", "pin", "id", id, pin.toString());
      }
    }
    try (BpfProgram egress = BpfProgram.openPinned(pin)) {
      return egress.testRun(frame);
    }
  }

  /** The stack gets it, and it has become this one. */
  void delivers(Frame expected, Frame frame) {
    byte[] bytes = frame.bytes();
    TestRun.Result result = run(bytes);
    assertThat(result.action())
        .as("verdict for\n%s\nof\n%s", Hexdump.of(bytes), test)
        .isEqualTo(XdpAction.PASS);
    same(expected.bytes(), result.data());
  }

  /** It leaves by eth0, changed to the last byte to this one, and nobody is asked any more. */
  void leaves(Frame expected, Frame frame) {
    TestRun.Result result = runOut(frame.bytes());
    assertThat(result.verdict()).as("verdict for\n%s", frame).isEqualTo(TC_ACT_UNSPEC);
    same(expected.bytes(), result.data());
  }

  /** It is not ours: the stack gets every byte as it was. */
  void passes(byte[] frame) {
    TestRun.Result result = run(frame);
    assertThat(result.action()).as("verdict for\n%s", Hexdump.of(frame)).isEqualTo(XdpAction.PASS);
    same(frame, result.data());
  }

  void passes(Frame frame) {
    passes(frame.bytes());
  }

  /** It is dropped for this reason, counted once, and for no other. */
  void drops(DropReason reason, byte[] frame) {
    try (DatapathView view = DatapathView.open(test.pinPath())) {
      var expected = view.drops();
      expected.merge(reason, 1L, Long::sum);
      assertThat(run(frame).action())
          .as("verdict for\n%s", Hexdump.of(frame))
          .isEqualTo(XdpAction.DROP);
      assertThat(view.drops()).as("drops after\n%s", Hexdump.of(frame)).isEqualTo(expected);
    }
  }

  void drops(DropReason reason, Frame frame) {
    drops(reason, frame.bytes());
  }

  /**
   * The frame goes to a backend, translated as it should be to the last byte; answers where to.
   * Which backend and which port is the datapath's choice, all else is computed here from scratch.
   */
  Translation forwards(Kind kind, Frame frame) {
    byte[] out = sent(frame);
    Packet packet = Packet.of(out);
    Translation to =
        new Translation(packet.destination(), packet.destinationPort(), packet.sourcePort());
    assertThat(to.natPort()).as("port of %s", packet).isBetween(natFirst(), natLast());
    int number = backendNumber(kind, to.backend());
    assertThat(number).as("backend of %s", packet).isBetween(1, BACKENDS);
    same(
        frame
            .macs(MAC, backendMac(number))
            .from(kind.balancer(), to.natPort())
            .to(to.backend(), to.backendPort())
            .hop()
            .bytes(),
        out);
    return to;
  }

  /** The number of a backend by its address; 0 if it is none. */
  static int backendNumber(Kind kind, String address) {
    for (int number = 1; number <= BACKENDS; number++) {
      if (kind.backend(number).equals(address)) {
        return number;
      }
    }
    return 0;
  }

  private int natFirst() {
    return config.apply(Path.of("/")).natPorts().first();
  }

  private int natLast() {
    return config.apply(Path.of("/")).natPorts().last();
  }

  /** The backend's answer goes to the client by the router, translated to the last byte. */
  void returns(Kind kind, Frame answer, String client, int clientPort) {
    same(
        answer
            .macs(MAC, ROUTER_MAC)
            .from(kind.vip(10), Kind.VIP_PORT)
            .to(client, clientPort)
            .hop()
            .bytes(),
        sent(answer));
  }

  /** Sent out of the interface that it came in by. */
  byte[] sent(Frame frame) {
    byte[] bytes = frame.bytes();
    TestRun.Result result = run(bytes);
    assertThat(result.action())
        .as("verdict for\n%s\nof\n%s", Hexdump.of(bytes), test)
        .isEqualTo(XdpAction.TX);
    return result.data();
  }

  /** How many flows were begun to the backends that there are. */
  long flowsBegun() {
    try (DatapathView view = DatapathView.open(test.pinPath())) {
      return view.vips().stream()
          .flatMap(vip -> vip.backends().stream())
          .mapToLong(BackendStatus::flowsBegun)
          .sum();
    }
  }

  /** Opens a flow and has both sides speak, so that it is an established one. */
  Translation establish(Kind kind, int client, int port) {
    Translation to = forwards(kind, kind.opening(client, port));
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    returns(kind, answer.flags(Frame.SYN | Frame.ACK), kind.client(client), port);
    assertThat(forwards(kind, kind.data(client, port))).isEqualTo(to);
    return to;
  }

  static void same(byte[] expected, byte[] actual) {
    assertThat(Hexdump.difference(expected, actual)).isEmpty();
  }
}
