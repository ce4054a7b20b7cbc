// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How far a port range can be used before clients are refused. */
@RequiresBpf
class NatLoadTest {
  private static final PortRange PORTS = new PortRange(10000, 10999);

  @RegisterExtension static final PacketLab LAB = new PacketLab(PORTS, 1 << 14);

  /** By four attempts, as many as a SYN has in 7 s; even at the end most need one. */
  @Test
  void newConnectionsOpenUntilNearlyAllPortsAreInUse() {
    Kind kind = Kind.TCP4;
    LAB.program(kind.vipOf(1));
    int repeated = 0;
    for (int i = 0; i < PORTS.size() * 9 / 10; i++) {
      int client = 1 + i % 100;
      int attempts = 1;
      while (LAB.run(kind.opening(client, 1024 + i).bytes()).action() != XdpAction.TX) {
        assertThat(attempts++).as("refused attempts with %d ports in use", i).isLessThan(4);
        awaitNextJiffy();
      }
      repeated += attempts > 1 ? 1 : 0;
      LAB.establish(kind, client, 1024 + i);
    }
    System.out.printf("%d of %d clients had to try again%n", repeated, PORTS.size() * 9 / 10);
    assertThat(repeated).isLessThan(PORTS.size() / 20);
  }

  private static void awaitNextJiffy() {
    int now = LAB.jiffies();
    while (LAB.jiffies() == now) {
      LockSupport.parkNanos(1_000_000);
    }
  }
}
