// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.announce.Hello;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Encapsulation;
import io.xdplb.datapath.reference.Table.Listener;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.TcpOptions;
import io.xdplb.testing.packet.Tunnel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Packets drawn at random: of flows that there are, both ways, of new ones, through tunnels, about
 * flows, and of others. Valid ones; {@link Mutation} breaks them.
 */
final class Traffic {
  /** How often a kind of packet is drawn. */
  private static final int OF_CLIENT = 40;

  private static final int OF_BACKEND = 14;
  private static final int OF_TUNNEL = 18;
  private static final int OF_LAN = 6;
  private static final int ERROR = 12;
  private static final int OF_ENDPOINT = 8;
  private static final int OTHER = 8;

  private static final String DESTINATION_MACS = "02:00:00:00:00:0";
  private static final String ROUTER_MAC = "02:00:00:00:00:fe";
  private static final int CLIENT_PORTS = 24;
  private static final int JUMBO = 8000;

  /**
   * A packet.
   *
   * @param link by which of the two interfaces it comes
   * @param leaving it is on its way out of this machine
   */
  record Drawn(byte[] frame, int link, boolean leaving) {}

  private final World world;
  private final FlowTable flows;
  private final Random random;
  private final Map<Ip, String> texts = new HashMap<>();

  Traffic(World world, FlowTable flows, Random random) {
    this.world = world;
    this.flows = flows;
    this.random = random;
  }

  Drawn next() {
    int drawn =
        random.nextInt(OF_CLIENT + OF_BACKEND + OF_TUNNEL + OF_LAN + ERROR + OF_ENDPOINT + OTHER);
    if ((drawn -= OF_CLIENT) < 0) {
      return ofClient();
    }
    if ((drawn -= OF_BACKEND) < 0) {
      return ofBackend();
    }
    if ((drawn -= OF_TUNNEL) < 0) {
      return ofTunnel();
    }
    if ((drawn -= OF_LAN) < 0) {
      return ofLan();
    }
    if ((drawn -= ERROR) < 0) {
      return error();
    }
    return drawn < OF_ENDPOINT ? ofEndpoint() : other();
  }

  private String text(Ip ip) {
    return texts.computeIfAbsent(ip, Ip::toString);
  }

  private Drawn in(Frame frame, int link) {
    return new Drawn(frame.macs(ROUTER_MAC, DESTINATION_MACS + (link + 1)).bytes(), link, false);
  }

  private int anyLink() {
    return random.nextInt(2);
  }

  // ---- clients

  private Drawn ofClient() {
    Flow flow = world.chance(60) ? flows.any(anyKind(), random) : null;
    Frame frame = flow == null ? newcomer(pickListener()) : again(flow);
    // a client that the kernel does not know is answered where it came from: that is one place
    boolean known = world.isKnown(IpPacket.read(frame.ipPacket(), isIpv6(frame)).source());
    return in(frame, known && world.chance(10) ? 1 : 0);
  }

  private Kind anyKind() {
    return Kind.values()[random.nextInt(Kind.values().length)];
  }

  private Listener pickListener() {
    return world.pick(world.listeners());
  }

  private Ip clientOf(boolean ipv6) {
    while (true) {
      Ip client = world.pick(world.clients);
      if (client.isIpv4() != ipv6) {
        return client;
      }
    }
  }

  private int clientPort() {
    return 40000 + random.nextInt(CLIENT_PORTS);
  }

  private int portOf(Listener listener) {
    return listener.port + random.nextInt(Math.min(40, listener.width() + 1));
  }

  private Frame newcomer(Listener listener) {
    Ip client = clientOf(!listener.address.ip.isIpv4());
    return dressed(
        segment(
            listener.protocol,
            client,
            clientPort(),
            listener.address.ip,
            portOf(listener),
            world.chance(60) ? Frame.SYN : flags()),
        listener);
  }

  private Frame again(Flow flow) {
    int clientPort = flow.kind == Kind.AFFINITY ? clientPort() : flow.clientPort;
    int port = flow.kind == Kind.AFFINITY ? portOf(flow.listener) : flow.vipPort;
    return dressed(
        segment(
            flow.listener.protocol,
            flow.client,
            clientPort,
            flow.listener.address.ip,
            port,
            flags()),
        flow.listener);
  }

  private int flags() {
    int drawn = random.nextInt(100);
    if (drawn < 50) {
      return drawn < 25 ? Frame.ACK : Frame.ACK | Frame.PSH;
    }
    if (drawn < 72) {
      return Frame.SYN;
    }
    if (drawn < 86) {
      return Frame.FIN | Frame.ACK;
    }
    if (drawn < 92) {
      return drawn < 89 ? Frame.RST : Frame.RST | Frame.ACK;
    }
    return drawn < 95 ? Frame.SYN | Frame.ACK : random.nextInt(256);
  }

  private Frame segment(int protocol, Ip from, int port, Ip to, int toPort, int flags) {
    if (protocol == IpPacket.UDP) {
      Frame frame = Frame.udp(text(from), port, text(to), toPort);
      return from.isIpv4() && world.chance(10) ? frame.withoutChecksum() : frame;
    }
    Frame frame = Frame.tcp(text(from), port, text(to), toPort).flags(flags);
    frame = frame.sequence(random.nextInt(), random.nextInt());
    return (flags & Frame.SYN) != 0 && world.chance(70) ? frame.tcpOptions(options()) : frame;
  }

  private byte[] options() {
    byte[] mss = TcpOptions.mss(random.nextInt(65536));
    return switch (random.nextInt(6)) {
      case 0 -> TcpOptions.linuxSyn(1460);
      case 1 -> TcpOptions.of(TcpOptions.nop(), mss);
      case 2 -> TcpOptions.of(TcpOptions.sackPermitted(), TcpOptions.windowScale(7), mss);
      case 3 -> TcpOptions.of(new byte[random.nextInt(3)], mss);
      case 4 -> TcpOptions.of(mss, TcpOptions.timestamps(1, 2));
      default -> {
        byte[] noise = new byte[4 * (1 + random.nextInt(10))];
        random.nextBytes(noise);
        yield noise;
      }
    };
  }

  /** What may be different about any packet. */
  private Frame dressed(Frame plain) {
    return dressed(plain, payload());
  }

  /** To a listener: now and then it fits exactly where a backend is, or by a byte, or not. */
  private Frame dressed(Frame plain, Listener listener) {
    List<Backend> limited = listener.backends.stream().filter(b -> b.mtu > 0).toList();
    if (limited.isEmpty() || !world.chance(6)) {
      return dressed(plain);
    }
    int length = world.pick(limited).mtu - plain.ipPacket().length + random.nextInt(3) - 1;
    return dressed(plain, new byte[length]);
  }

  private Frame dressed(Frame plain, byte[] payload) {
    Frame frame = plain.payload(payload);
    if (world.chance(30)) {
      frame = frame.tos(random.nextInt(256)).flowLabel(random.nextInt()).id(random.nextInt(65536));
    }
    if (world.chance(6)) {
      frame = frame.ttl(random.nextInt(4));
    }
    if (world.chance(8)) {
      frame = frame.padding(new byte[1 + random.nextInt(40)]);
    }
    int odd = random.nextInt(100);
    if (odd < 3) {
      return frame.fragment(8 * random.nextInt(3), world.chance(50));
    }
    return odd < 8 ? withHeaders(frame) : frame;
  }

  /** IPv4 options or IPv6 extension headers. */
  private Frame withHeaders(Frame frame) {
    if (!isIpv6(frame)) {
      byte[] options = new byte[4 * (1 + random.nextInt(10))];
      Arrays.fill(options, (byte) 1);
      return frame.ipOptions(options);
    }
    Frame more = frame;
    for (int i = world.chance(90) ? 1 + random.nextInt(3) : 5 + random.nextInt(3); i > 0; i--) {
      int type =
          world.pick(
              List.of(
                  Frame.HOP_BY_HOP,
                  Frame.ROUTING,
                  Frame.DESTINATION_OPTIONS,
                  Frame.DESTINATION_OPTIONS));
      more = more.extension(type, 8 * (1 + random.nextInt(world.chance(90) ? 3 : 12)));
    }
    return world.chance(5) ? more.extension(Frame.AUTHENTICATION, 12) : more;
  }

  private static boolean isIpv6(Frame frame) {
    return (frame.ipPacket()[0] & 0xf0) == 0x60;
  }

  private byte[] payload() {
    int drawn = random.nextInt(100);
    int length =
        drawn < 60 ? random.nextInt(40) : drawn < 95 ? random.nextInt(900) : random.nextInt(1500);
    if (drawn == 99) {
      length = 2000 + random.nextInt(JUMBO - 2000);
    }
    byte[] payload = new byte[length];
    random.nextBytes(payload);
    return payload;
  }

  // ---- backends and endpoints

  private Drawn ofBackend() {
    Flow flow = flows.any(Kind.NAT, random);
    if (flow == null || flow.clientLink == 0 || flow.backend.natAddress == null) {
      return ofClient();
    }
    Frame frame =
        dressed(
            segment(
                flow.listener.protocol,
                flow.backend.address,
                flow.backendPort,
                flow.backend.natAddress,
                world.chance(95) ? flow.natPort : 20000 + random.nextInt(10000),
                flags()));
    return in(frame, anyLink());
  }

  /** What an endpoint here answers leaves by the kernel: it is well-formed. */
  private Drawn ofEndpoint() {
    Flow flow = flows.any(world.chance(70) ? Kind.HOSTED : Kind.NAT, random);
    if (flow == null || !flow.backend.hosted) {
      return ofClient();
    }
    boolean translated = flow.kind == Kind.NAT;
    Ip to = translated ? flow.listener.address.ip : flow.client;
    int port = translated ? flow.natPort : flow.clientPort;
    if (world.chance(5)) {
      port++;
    }
    Frame answer =
        segment(flow.listener.protocol, flow.backend.address, flow.backendPort, to, port, flags());
    if (world.chance(20)) {
      byte[] quote =
          segment(flow.listener.protocol, to, port, flow.backend.address, flow.backendPort, flags())
              .payload(new byte[random.nextInt(40)])
              .quote(8);
      answer =
          anyError(flow.backend.address, world.chance(90) ? to : clientOf(!to.isIpv4()), quote);
      return new Drawn(answer.macs(DESTINATION_MACS + 1, ROUTER_MAC).bytes(), 0, true);
    }
    byte[] payload = payload();
    answer = answer.payload(Arrays.copyOf(payload, Math.min(payload.length, 1400)));
    answer = answer.tos(random.nextInt(256));
    return new Drawn(answer.macs(DESTINATION_MACS + 1, ROUTER_MAC).bytes(), 0, true);
  }

  // ---- tunnels

  private Drawn ofTunnel() {
    List<Backend> here =
        world.listeners().stream()
            .flatMap(listener -> listener.backends.stream())
            .filter(backend -> backend.hosted)
            .toList();
    if (here.isEmpty()) {
      return ofClient();
    }
    Backend backend = world.pick(here);
    return in(tunnel(backend, inner(backend)), anyLink());
  }

  private Frame inner(Backend backend) {
    if (world.chance(3)) {
      return newcomer(pickListener()); // that belongs elsewhere
    }
    Flow flow = world.chance(60) ? flows.any(Kind.HOSTED, random) : null;
    return flow != null && flow.listener == backend.listener
        ? again(flow)
        : newcomer(backend.listener);
  }

  private Frame tunnel(Backend backend, Frame inner) {
    boolean ipv6 = random.nextBoolean();
    Ip from = ofFamily(world.nodes, ipv6);
    if (world.chance(3)) {
      from = clientOf(ipv6);
    }
    Ip to = ofFamily(ReferenceLab.OWN, ipv6);
    boolean gue = backend.encapsulation == Encapsulation.GUE;
    Frame outer;
    if (gue ? world.chance(4) : world.chance(95)) {
      outer = Tunnel.ipInIp(inner, text(from), text(to));
    } else {
      int control = control();
      Frame within = control == Tunnels.NAT ? translated(backend) : inner;
      long tag = world.chance(4) ? random.nextLong() >>> 8 : backend.tag;
      int port = world.chance(98) ? Table.TUNNEL_PORT : 6081;
      outer =
          Tunnel.gue(
              within,
              new Tunnel.Gue(control, tag),
              text(from),
              0xc000 + random.nextInt(0x4000),
              text(to),
              port);
    }
    return outer.tos(random.nextInt(256));
  }

  private int control() {
    int drawn = random.nextInt(100);
    if (drawn < 50) {
      return 0;
    }
    if (drawn < 65) {
      return Tunnels.FINAL;
    }
    if (drawn < 80) {
      return random.nextInt(14);
    }
    return drawn < 90 ? Tunnels.NAT : drawn < 95 ? Tunnels.AGAIN : random.nextInt(256);
  }

  /** As the edge has translated it. */
  private Frame translated(Backend backend) {
    boolean ipv6 = !backend.address.isIpv4();
    int port = backend.portFor(portOf(backend.listener));
    return dressed(
        segment(
            backend.listener.protocol,
            ofFamily(world.nodes, ipv6),
            20000 + random.nextInt(1000),
            backend.address,
            port,
            flags()));
  }

  private Ip ofFamily(List<Ip> ips, boolean ipv6) {
    while (true) {
      Ip ip = world.pick(ips);
      if (ip.isIpv4() != ipv6) {
        return ip;
      }
    }
  }

  // ---- errors

  private Drawn error() {
    Flow flow = flows.any(anyKind(), random);
    if (flow == null || flow.kind == Kind.AFFINITY || world.chance(20)) {
      return strangersError();
    }
    if (flow.kind == Kind.NAT && flow.natPort != 0 && world.chance(50)) {
      return errorOnTheWay(flow);
    }
    Ip vip = flow.listener.address.ip;
    Frame error = errorTo(flow.listener, flow.client, flow.clientPort, flow.vipPort);
    boolean byTunnel = flow.kind == Kind.HOSTED && flow.backend.hosted && world.chance(60);
    return in(
        byTunnel && flow.client.isIpv4() == vip.isIpv4() ? tunnel(flow.backend, error) : error, 0);
  }

  private Drawn strangersError() {
    Listener listener = pickListener();
    Ip client = clientOf(!listener.address.ip.isIpv4());
    Frame error = errorTo(listener, client, clientPort(), portOf(listener));
    List<Backend> here = listener.backends.stream().filter(b -> b.hosted).toList();
    return in(here.isEmpty() || world.chance(50) ? error : tunnel(world.pick(here), error), 0);
  }

  /** Somebody on the way to the client, or the client, about what the VIP has sent. */
  private Frame errorTo(Listener listener, Ip client, int clientPort, int port) {
    Ip vip = listener.address.ip;
    byte[] quote = quote(listener.protocol, vip, port, client, clientPort);
    Ip from = world.chance(50) ? client : clientOf(!client.isIpv4());
    Ip to = world.chance(97) ? vip : pickListener().address.ip;
    return anyError(from, to.isIpv4() == from.isIpv4() ? to : vip, quote);
  }

  private Drawn errorOnTheWay(Flow flow) {
    Ip nat = flow.backend.natAddress;
    if (nat == null) {
      return ofClient();
    }
    byte[] quote =
        quote(flow.listener.protocol, nat, flow.natPort, flow.backend.address, flow.backendPort);
    Ip from = world.chance(50) ? flow.backend.address : clientOf(!nat.isIpv4());
    Ip to = world.chance(95) ? nat : ofFamily(ReferenceLab.OWN, !nat.isIpv4());
    return in(anyError(from, to, quote), anyLink());
  }

  private byte[] quote(int protocol, Ip from, int port, Ip to, int toPort) {
    Frame quoted = segment(protocol, from, port, to, toPort, flags()).payload(payload());
    int odd = random.nextInt(100);
    if (odd < 5) {
      quoted = quoted.fragment(8 * random.nextInt(2), true);
    } else if (odd < 15) {
      quoted = withHeaders(quoted);
    }
    byte[] whole = quoted.ipPacket();
    int header = from.isIpv4() ? (whole[0] & 0xf) * 4 : 40;
    int most = Math.min(whole.length, 1200);
    int length =
        switch (random.nextInt(4)) {
          case 0 -> header + 8;
          case 1 -> header + 20;
          case 2 -> header + random.nextInt(60);
          default -> most;
        };
    return Arrays.copyOf(whole, Math.min(length, most));
  }

  private Frame anyError(Ip from, Ip to, byte[] quote) {
    List<Integer> types =
        from.isIpv4() ? List.of(3, 3, 3, 11, 12, 4, 5) : List.of(1, 2, 2, 3, 4, 5);
    int type = world.pick(types);
    int word = world.chance(70) ? 1280 : random.nextInt();
    Frame frame = Icmp.error(text(from), text(to), type, random.nextInt(5), word, quote);
    frame = world.chance(5) ? frame.ttl(random.nextInt(3)) : frame;
    return world.chance(10) ? frame.padding(new byte[1 + random.nextInt(30)]) : frame;
  }

  // ---- the LAN

  private Drawn ofLan() {
    Ip vip = world.pick(List.copyOf(world.table.addresses.keySet()));
    Ip asked = world.chance(90) ? vip : clientOf(!vip.isIpv4());
    int link = anyLink();
    if (world.chance(25)) {
      return hello(!vip.isIpv4(), link);
    }
    byte[] frame = asked.isIpv4() ? arp(asked, link) : solicitation(asked, link).bytes();
    return new Drawn(world.chance(20) ? withTag(frame) : frame, link, false);
  }

  private byte[] withTag(byte[] frame) {
    return ByteBuffer.allocate(frame.length + 4)
        .put(frame, 0, 12)
        .putShort((short) 0x8100)
        .putShort((short) (random.nextInt(8) << 13 | (world.chance(80) ? Announcing.VLAN : 0)))
        .put(frame, 12, frame.length - 12)
        .array();
  }

  private byte[] arp(Ip asked, int link) {
    Ip from = world.chance(90) ? clientOf(false) : world.chance(50) ? asked : Ip.parse("0.0.0.0");
    ByteBuffer arp = ByteBuffer.allocate(world.chance(50) ? 28 : 46);
    arp.putInt(0x0001_0800).putInt(world.chance(95) ? 0x0604_0001 : 0x0604_0002);
    arp.put(ReferenceLab.ROUTER).put(from.bytes()).put(new byte[6]).put(asked.bytes());
    String to = world.chance(70) ? "ff:ff:ff:ff:ff:ff" : DESTINATION_MACS + (link + 1);
    return Frame.ethernet(to, ROUTER_MAC, 0x0806, arp.array());
  }

  private Frame solicitation(Ip asked, int link) {
    Ip from = world.chance(80) ? clientOf(true) : world.chance(80) ? Ip.parse("::") : asked;
    Ip group = Announcing.solicitedNode(asked);
    boolean toGroup = world.chance(60);
    int units = random.nextInt(4);
    ByteBuffer rest = ByteBuffer.allocate(20 + 8 * units);
    rest.putInt(random.nextInt()).put(asked.bytes());
    for (int at = 20; at < rest.capacity(); at += 8) {
      int type = from.equals(Ip.parse("::")) || world.chance(50) ? 14 : 1;
      rest.put(at, (byte) type).put(at + 1, (byte) (world.chance(97) ? 1 : random.nextInt(3)));
    }
    Frame frame = Frame.icmp(text(from), text(toGroup ? group : asked), 135, 0, rest.array());
    boolean unicast = world.chance(toGroup ? 10 : 95);
    byte[] end = group.bytes();
    return frame
        .ttl(world.chance(97) ? 255 : 254)
        .macs(
            ROUTER_MAC,
            unicast
                ? DESTINATION_MACS + (link + 1)
                : "33:33:ff:%02x:%02x:%02x".formatted(end[13], end[14], end[15]));
  }

  private Drawn hello(boolean ipv6, int link) {
    byte[] bytes =
        new Hello(
                world.chance(5),
                world.chance(80) ? Announcing.PEER_SLOT : random.nextInt(64),
                world.chance(97) ? Announcing.OWN_SLOT : random.nextInt(64),
                random.nextInt(1000),
                world.chance(80) ? Announcing.RUN : random.nextInt(2),
                random.nextInt(120),
                random.nextLong(),
                world.chance(90) ? Announcing.INSTANCE : random.nextLong(),
                random.nextInt(1_000_000))
            .encode();
    ByteBuffer.wrap(bytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(Hello.LENGTH - 8, Announcing.TAGS.tag(bytes, 0, Hello.LENGTH - 8));
    int length = world.chance(95) ? Hello.LENGTH : random.nextInt(100);
    Ip own = ofFamily(ReferenceLab.OWN, ipv6);
    Frame frame =
        segment(IpPacket.UDP, clientOf(ipv6), clientPort(), own, Announcing.HELLO_PORT, 0)
            .payload(Arrays.copyOf(bytes, length));
    return in(world.chance(5) ? withHeaders(frame) : frame, link);
  }

  // ---- others

  private Drawn other() {
    Ip vip = world.pick(List.copyOf(world.table.addresses.keySet()));
    Ip client = clientOf(!vip.isIpv4());
    String from = text(client);
    return switch (random.nextInt(8)) {
      case 0, 1, 2 -> {
        byte[] data = new byte[random.nextInt(70)];
        random.nextBytes(data);
        Frame echo =
            Icmp.echoRequest(from, text(vip), random.nextInt(65536), random.nextInt(65536), data);
        yield in(world.chance(80) ? echo : withHeaders(echo), 0);
      }
      case 3 -> { // any port
        int protocol = world.chance(60) ? IpPacket.TCP : IpPacket.UDP;
        yield in(
            dressed(segment(protocol, client, clientPort(), vip, random.nextInt(65536), flags())),
            0);
      }
      case 4 -> in(Frame.ip(from, text(vip), random.nextInt(256), payload()), 0);
      case 5 -> { // to somebody else
        Ip somebody = clientOf(!vip.isIpv4());
        yield in(dressed(segment(IpPacket.TCP, client, clientPort(), somebody, 80, flags())), 0);
      }
      case 6 -> { // to this machine itself
        Ip own = ofFamily(ReferenceLab.OWN, !vip.isIpv4());
        yield in(
            dressed(
                segment(IpPacket.UDP, client, clientPort(), own, world.chance(50) ? 22 : 25000, 0)),
            0);
      }
      default -> {
        byte[] noise = new byte[random.nextInt(80)];
        random.nextBytes(noise);
        yield new Drawn(
            Frame.ethernet(
                DESTINATION_MACS + 1,
                ROUTER_MAC,
                world.pick(List.of(0x0806, 0x88cc, 0x0800, 0x86dd, 0x8100, random.nextInt(65536))),
                noise),
            0,
            false);
      }
    };
  }
}
