// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.core.table.TableDigests;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.Attachment.Egress;
import io.xdplb.datapath.Attachment.Mode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class InterfacesTest {

  private final FakeDatapath datapath = new FakeDatapath();
  private final Interfaces interfaces = new Interfaces(datapath, List.of("eth0", "eth1"));

  @Test
  void whatIsAttachedIsLeftAlone() {
    interfaces.attachAll();
    for (int i = 0; i < 30; i++) {
      assertThat(interfaces.check()).isFalse();
    }
    assertThat(datapath.attached).containsExactly("eth0", "eth1");
  }

  @Test
  void eitherProgramThatSomebodyDetachedIsAttachedAgainBeforeAnybodyHearsOfIt() {
    interfaces.attachAll();
    datapath.attached.clear();
    datapath.interfaces.put(
        "eth0", new Attachment("eth0", Mode.NONE, "Detached", "gone", Egress.TCX, null));
    assertThat(interfaces.check()).as("different").isFalse();
    datapath.interfaces.put(
        "eth1", new Attachment("eth1", Mode.NATIVE, null, null, null, "somebody has detached it"));
    assertThat(interfaces.check()).as("different").isFalse();
    assertThat(datapath.attached).containsExactly("eth0", "eth1");
    assertThat(interfaces.state()).allMatch(a -> a.attached() && a.egress() == Egress.TCX);
  }

  @Test
  void anEgressThatIsRefusedIsReportedWithTheReasonAndTriedAgainNowAndThen() {
    datapath.offers = new Attachment("", Mode.NATIVE, null, null, null, "ingress qdisc there");
    interfaces.attachAll();
    datapath.attached.clear();
    // The kernel knows nothing of it.
    datapath.interfaces.replaceAll((name, a) -> new Attachment(name, Mode.NATIVE, null, null));
    NodeStateStatus.Interface eth0 = report().interfaces().get(0);
    assertThat(eth0.attached()).as("packets for VIPs are ours all the same").isTrue();
    assertThat(eth0.mode()).isEqualTo(NodeStateStatus.AttachMode.Native);
    assertThat(eth0.reason()).isEqualTo("EgressRefused");
    assertThat(eth0.message()).contains("DSR", "ingress qdisc there");
    for (int i = 0; i < 9; i++) {
      assertThat(interfaces.check()).isFalse();
    }
    assertThat(datapath.attached).isEmpty();
    assertThat(report().interfaces().get(0)).isEqualTo(eth0);
    datapath.offers = new Attachment("", Mode.NATIVE, null, null, Egress.CLSACT, "no tcx");
    assertThat(interfaces.check()).as("different").isTrue();
    assertThat(datapath.attached).containsExactly("eth0", "eth1");
    assertThat(report().interfaces().get(0).reason()).isNull();
  }

  private NodeStateStatus report() {
    return NodeReport.of(
        "1", List.of(), interfaces.state(), new TableDigests(), new TreeMap<>(), Map.of());
  }
}
