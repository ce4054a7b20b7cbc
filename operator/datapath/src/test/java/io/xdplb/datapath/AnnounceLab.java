// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.announce.Output;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.packet.Hexdump;
import java.util.Arrays;
import java.util.List;

/**
 * The agent's side of announcing in a {@link PacketLab}, where our own vote is enough unless a test
 * says otherwise. Closing takes all claims away.
 */
final class AnnounceLab implements AutoCloseable {
  private final PacketLab lab;
  private final Announcements announcements;
  private final int ifindex;

  AnnounceLab(PacketLab lab) {
    this.lab = lab;
    ifindex = lab.netns().index("eth0");
    announcements = Announcements.open(lab.test().pinPath());
    Lan.ownVoteIsEnough(announcements, ifindex);
  }

  Announcements announcements() {
    return announcements;
  }

  int ifindex() {
    return ifindex;
  }

  void claim(String address) {
    announcements.write(Lan.claim(address));
  }

  void unclaim(String address) {
    announcements.write(new Output.Unclaim(Ip.parse(address)));
  }

  /** The vote that we need counts no more. */
  void loseVote() {
    announcements.write(new Output.Vote(Lan.SLOT, 0, 1));
  }

  void ports(int... vlans) {
    announcements.ports(
        Arrays.stream(vlans)
            .mapToObj(vlan -> new LanPort(ifindex, vlan, Lan.mac(Lan.PORT_MAC)))
            .toList());
  }

  /** It is sent back as this. */
  void answers(byte[] expected, byte[] frame) {
    TestRun.Result result = lab.run(frame);
    assertThat(result.action()).as("verdict for\n%s", Hexdump.of(frame)).isEqualTo(XdpAction.TX);
    PacketLab.same(expected, result.data());
  }

  /** It is dropped. */
  void withholds(byte[] frame) {
    assertThat(lab.run(frame).action())
        .as("verdict for\n%s", Hexdump.of(frame))
        .isEqualTo(XdpAction.DROP);
  }

  @Override
  public void close() {
    announcements
        .state()
        .claims()
        .keySet()
        .forEach(ip -> announcements.write(new Output.Unclaim(ip)));
    for (int slot = 0; slot < 63; slot++) {
      announcements.write(new Output.Accept(slot, 0, 0));
      announcements.write(new Output.Vote(slot, 0, 0));
    }
    announcements.write(new Output.Vote(63, 0, 0));
    announcements.ports(List.of());
    announcements.close();
  }
}
