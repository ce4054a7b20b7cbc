// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.Planner;
import io.xdplb.core.table.VipImage;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** As many as the defaults are meant for. */
@RequiresBpf
class ThousandVipsTest {
  private static final int VIPS = 1_000;
  private static final int BACKENDS = 10;

  @RegisterExtension static final PacketLab LAB = new PacketLab(DatapathConfig::defaults);

  @Test
  void thousandVipsOfTenBackendsAreProgrammedReadBackAndAdopted() {
    List<Vip> vips = new ArrayList<>();
    List<List<Operation>> plans = new ArrayList<>();
    for (int i = 0; i < VIPS; i++) {
      List<Backend> backends = new ArrayList<>();
      for (int b = 0; b < BACKENDS; b++) {
        Ip ip = Ip.parse("10." + (i >> 8) + "." + (i & 0xff) + "." + (1 + b));
        backends.add(new Backend(new BackendKey(ip, 8080), 1, 30));
      }
      Ip address = Ip.parse("10.200." + (i >> 8) + "." + (i & 0xff));
      VipKey key = new VipKey(address, Protocol.TCP, 80);
      vips.add(new Vip(key, Maglev.sizeFor(BACKENDS), backends));
      plans.add(Planner.plan(Optional.of(vips.get(i)), Optional.empty(), 1));
    }
    Datapath datapath = LAB.test().datapath();
    long programming = millis(() -> plans.forEach(plan -> plan.forEach(datapath::apply)));
    List<Optional<VipImage>> images = new ArrayList<>();
    long readingBack = millis(() -> vips.forEach(vip -> images.add(datapath.readBack(vip.key()))));
    assertThat(images).isEqualTo(vips.stream().map(VipImage::desired).map(Optional::of).toList());
    var before = List.copyOf(datapath.programmed());
    long adopting = millis(LAB.test()::reopen);
    assertThat(LAB.test().datapath().programmed()).containsExactlyInAnyOrderElementsOf(before);
    long one = millis(() -> LAB.test().datapath().apply(plans.get(0).get(0)));
    System.out.printf(
        "%d VIPs of %d backends: programmed in %d ms, read back in %d ms, program"
            + " loaded and adopted in %d ms, one operation among them %d ms%n",
        VIPS, BACKENDS, programming, readingBack, adopting, one);
    assertThat(programming).as("ms to program").isLessThan(10_000);
  }

  private static long millis(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
  }
}
