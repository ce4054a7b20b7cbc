// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.Planner;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.testing.kernel.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;

/** A datapath in a host's namespace with pins of its own, all of it gone when closed. */
final class TestDatapath implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Host host;
  private final DatapathConfig config;
  private final Thread atExit = new Thread(this::removePins, "pins"); // of a test that is ended
  private Datapath datapath;

  private TestDatapath(Host host, DatapathConfig config) {
    this.host = host;
    this.config = config;
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  static TestDatapath open(Host host, DatapathConfig.AttachPreference mode) {
    return open(
        host,
        pins ->
            new DatapathConfig(pins, new PortRange(10000, 29999), 64, 256, 65536, 1 << 16, mode));
  }

  /** With a configuration of the test's own, which is given the pin path. */
  static TestDatapath open(Host host, Function<Path, DatapathConfig> config) {
    Path pins =
        Path.of(
            "/sys/fs/bpf/xdplb-test-"
                + ProcessHandle.current().pid()
                + "-"
                + COUNT.incrementAndGet());
    TestDatapath test = new TestDatapath(host, config.apply(pins));
    try {
      test.reopen();
      return test;
    } catch (RuntimeException | Error e) {
      test.close();
      throw e;
    }
  }

  /** Ends the agent's side; what is pinned goes on. */
  void stop() {
    datapath.close();
    datapath = null;
  }

  /** Ends the agent's side, and begins a new one that adopts what is pinned. */
  void reopen() {
    if (datapath != null) {
      stop();
    }
    datapath =
        host.netns()
            .call(
                () -> {
                  Datapath opened = Datapath.open(config);
                  Attachment attachment = opened.attach(host.device());
                  if (!attachment.attached()) {
                    throw new IllegalStateException(attachment.toString());
                  }
                  return opened;
                });
  }

  Datapath datapath() {
    return datapath;
  }

  DatapathConfig config() {
    return config;
  }

  Path pinPath() {
    return config.pinPath();
  }

  /** Programs a VIP as it should be, and answers what the plan was. */
  List<Operation> program(Vip vip) {
    return apply(vip.key(), Optional.of(vip));
  }

  /** Removes a VIP. */
  List<Operation> remove(VipKey vip) {
    return apply(vip, Optional.empty());
  }

  private List<Operation> apply(VipKey key, Optional<Vip> desired) {
    return host.netns()
        .call(
            () -> {
              List<Operation> plan =
                  Planner.plan(desired, programmed(key), System.currentTimeMillis() / 1000);
              plan.forEach(datapath::apply);
              return plan;
            });
  }

  Optional<ProgrammedVip> programmed(VipKey key) {
    return datapath.programmed().stream().filter(p -> p.key().equals(key)).findFirst();
  }

  Optional<VipImage> readBack(VipKey key) {
    return datapath.readBack(key);
  }

  /** What the maps hold, for the messages of failed assertions. */
  @Override
  public String toString() {
    try (DatapathView view = DatapathView.open(config.pinPath())) {
      return view.attachments() + "\n" + view.drops() + "\n" + view.vips();
    }
  }

  @Override
  public void close() {
    if (datapath != null) {
      host.netns()
          .call(
              () -> {
                datapath.detach(host.device());
                datapath.close();
                return null;
              });
    }
    removePins();
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  private void removePins() {
    if (Files.exists(config.pinPath())) {
      try (Stream<Path> pins = Files.walk(config.pinPath())) {
        for (Path pin : pins.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(pin);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
