// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Neighbour solicitations for addresses that are claimed. */
@RequiresBpf
class NeighbourTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final String VIP = Kind.TCP6.vip(10);
  private static final String CLIENT = "2001:db8:0:1:0:0:0:aa";
  private static final String NOBODY = "0:0:0:0:0:0:0:0";
  private static final Frame ASKED = Lan.solicitation(CLIENT, VIP);
  private static final byte[] ANSWER = Lan.advertisement(VIP, CLIENT).bytes();

  private AnnounceLab lan;

  @BeforeEach
  void open() {
    lan = new AnnounceLab(LAB);
    LAB.program(Kind.TCP6.vipOf(1));
  }

  @AfterEach
  void close() {
    lan.close();
  }

  private AnnounceCounts counts() {
    return lan.announcements().counts();
  }

  private void answers(byte[] expected, Frame frame) {
    lan.answers(expected, frame.bytes());
  }

  @Test
  void claimedAddressIsAnswered() {
    lan.claim(VIP);
    AnnounceCounts before = counts();
    answers(ANSWER, ASKED);
    assertThat(ANSWER).hasSize(86);
    assertThat(counts().ndpAnswered()).isEqualTo(before.ndpAnswered() + 1);
    assertThat(counts().ndpWithheld()).isEqualTo(before.ndpWithheld());
    answers(ANSWER, ASKED.tos(0x40).flowLabel(0x777));
  }

  /** The kernel wants to know whether a neighbour that it knows is still there. */
  @Test
  void probesToTheAddressItself() {
    lan.claim(VIP);
    answers(ANSWER, Lan.solicitation(CLIENT, VIP, VIP, Lan.option(1, Lan.ASKER)));
    answers(ANSWER, Lan.solicitation(CLIENT, VIP, VIP, Lan.none()));
    // access points make unicast frames of multicast packets
    answers(ANSWER, ASKED.macs(Lan.ASKER, Lan.PORT_MAC));
  }

  /** RFC 4862, 7527: may I have it? */
  @Test
  void duplicateAddressDetection() {
    lan.claim(VIP);
    String group = Lan.solicitedNode(VIP);
    byte[] nonce = {14, 1, 1, 2, 3, 4, 5, 6};
    byte[] toAll = Lan.advertisementToAll(VIP).bytes();
    answers(toAll, Lan.solicitation(NOBODY, group, VIP, Lan.none()));
    answers(toAll, Lan.solicitation(NOBODY, group, VIP, nonce));
    // with an address of who has none, or not to the group: no valid one
    LAB.passes(Lan.solicitation(NOBODY, group, VIP, Lan.option(1, Lan.ASKER)));
    LAB.passes(Lan.solicitation(NOBODY, VIP, VIP, Lan.none()));
  }

  @Test
  void optionsOfAllLengths() {
    lan.claim(VIP);
    for (int units = 0; units <= 13; units++) {
      ByteBuffer options = ByteBuffer.allocate(units * 8);
      for (int at = 0; at < units; at += 2) {
        options.put(at * 8, (byte) 14).put(at * 8 + 1, (byte) Math.min(2, units - at));
      }
      answers(ANSWER, Lan.solicitation(CLIENT, Lan.solicitedNode(VIP), VIP, options.array()));
    }
    byte[] long13 = new byte[13 * 8];
    long13[0] = 14;
    long13[1] = 13;
    answers(ANSWER, Lan.solicitation(CLIENT, Lan.solicitedNode(VIP), VIP, long13));
    // signed ones are longer, and are left to the kernel
    byte[] long14 = Arrays.copyOf(long13, 14 * 8);
    long14[1] = 14;
    LAB.passes(Lan.solicitation(CLIENT, Lan.solicitedNode(VIP), VIP, long14));
  }

  @Test
  void withoutEnoughVotesItIsDropped() {
    lan.claim(VIP);
    lan.loseVote();
    AnnounceCounts before = counts();
    lan.withholds(ASKED.bytes());
    lan.withholds(Lan.solicitation(CLIENT, VIP, VIP, Lan.none()).bytes());
    assertThat(counts().ndpWithheld()).isEqualTo(before.ndpWithheld() + 2);
    assertThat(counts().ndpAnswered()).isEqualTo(before.ndpAnswered());
  }

  @Test
  void addressesThatAreNotClaimedPass() {
    LAB.passes(ASKED);
    LAB.passes(Lan.solicitation(CLIENT, VIP, VIP, Lan.none()));
    lan.claim(VIP);
    String sameGroup = "2001:db8:0:7:0:0:0:a";
    assertThat(Lan.solicitedNode(sameGroup)).isEqualTo(Lan.solicitedNode(VIP));
    LAB.passes(Lan.solicitation(CLIENT, sameGroup));
    LAB.passes(Lan.solicitation(CLIENT, Kind.TCP6.vip(11)));
    LAB.passes(Lan.solicitation(CLIENT, Kind.TCP6.balancer()));
    lan.unclaim(VIP);
    LAB.passes(ASKED);
    LAB.passes(Lan.solicitation(CLIENT, VIP, VIP, Lan.none()));
  }

  @Test
  void otherMessagesPass() {
    lan.claim(VIP);
    for (int type : new int[] {133, 134, 136, 137}) {
      LAB.passes(ASKED.patchLayer4(0, type));
      LAB.passes(Lan.solicitation(CLIENT, VIP, VIP, Lan.option(1, Lan.ASKER)).patchLayer4(0, type));
    }
    // somebody says that he has it
    LAB.passes(Lan.advertisement(VIP, CLIENT).macs(Lan.ASKER, Lan.PORT_MAC));
    LAB.passes(Lan.advertisementToAll(VIP).macs(Lan.ASKER, "33:33:00:00:00:01"));
    LAB.passes(Frame.icmp(CLIENT, Lan.solicitedNode(VIP), 128, 0, new byte[12]));
    LAB.passes(Frame.udp(CLIENT, 5353, Lan.solicitedNode(VIP), 5353).ttl(255));
  }

  /** RFC 4861, section 7.1.1. */
  @Test
  void invalidPasses() {
    lan.claim(VIP);
    String group = Lan.solicitedNode(VIP);
    byte[] mac = Lan.option(1, Lan.ASKER);
    for (Frame asked : List.of(ASKED, Lan.solicitation(CLIENT, VIP, VIP, mac))) {
      LAB.passes(asked.ttl(254));
      LAB.passes(asked.patchLayer4(1, 1)); // code
      LAB.passes(asked.patchLayer4(2, 0x12, 0x34)); // checksum
      LAB.passes(asked.patchLayer4(31, 0x77)); // what it is of
      LAB.passes(asked.macs("03:00:00:00:00:0a", Lan.PORT_MAC));
      LAB.passes(asked.macs(Lan.ASKER, "02:00:00:00:00:77"));
    }
    LAB.passes(ASKED.patch(4, 0, 24)); // without the option that the checksum is of
    LAB.passes(Lan.solicitation(CLIENT, group, VIP, new byte[8])); // option of no length
    LAB.passes(Lan.solicitation(CLIENT, group, VIP, new byte[] {1, 2, 0, 0, 0, 0, 0, 0}));
    LAB.passes(Lan.solicitation(CLIENT, group, VIP, new byte[] {14, 1, 0, 0}));
    LAB.passes(Lan.solicitation(group, group, VIP, mac)); // from a group
    LAB.passes(Lan.solicitation(VIP, group, VIP, mac)); // from itself
    LAB.passes(Lan.solicitation(CLIENT, Lan.solicitedNode("2001:db8::99"), VIP, mac));
    LAB.passes(Lan.solicitation(CLIENT, "ff02:0:0:0:0:0:0:1", VIP, mac));
    LAB.passes(ASKED.extension(Frame.HOP_BY_HOP));
    byte[] whole = ASKED.bytes();
    for (int length = 14; length < whole.length; length++) {
      LAB.passes(Arrays.copyOf(whole, length));
    }
  }

  @Test
  void whatFollowsThePacketInTheFrameIsNoPartOfIt() {
    lan.claim(VIP);
    answers(ANSWER, ASKED.padding(new byte[] {1, 2, 3}));
    answers(ANSWER, Lan.solicitation(CLIENT, VIP, VIP, Lan.none()).padding(new byte[40]));
  }

  @Test
  void onlyWhereItIsAnnounced() {
    lan.claim(VIP);
    lan.ports(5);
    LAB.passes(ASKED);
    lan.ports(5, 0);
    answers(ANSWER, ASKED);
    lan.announcements().answerOn(Ip.parse(VIP), 0b01);
    LAB.passes(ASKED);
    lan.announcements().answerOn(Ip.parse(VIP), Announcements.ALL_PORTS);
    answers(ANSWER, ASKED);
  }

  @Test
  void withATag() {
    lan.claim(VIP);
    lan.ports(0, 100);
    for (Frame asked :
        List.of(
            ASKED, Lan.solicitation(CLIENT, VIP, VIP, Lan.none()), ASKED.padding(new byte[9]))) {
      byte[] bytes = asked.bytes();
      lan.answers(VlanTest.tagged(ANSWER, 0x8100, 100), VlanTest.tagged(bytes, 0x8100, 100));
      lan.answers(VlanTest.tagged(ANSWER, 0x8100, 0x4064), VlanTest.tagged(bytes, 0x8100, 0x4064));
      LAB.passes(VlanTest.tagged(bytes, 0x8100, 101));
      LAB.passes(VlanTest.tagged(bytes, 0x88a8, 100));
      LAB.passes(VlanTest.tagged(bytes, 0x88a8, 5, 0x8100, 100));
    }
    lan.loseVote();
    lan.withholds(VlanTest.tagged(ASKED.bytes(), 0x8100, 100));
  }

  /** The group's bit is in the filter as long as one VIP has that group. */
  @Test
  void groupIsSharedByVips() {
    String twin = "2001:db8:0:3:0:0:0:a";
    assertThat(Lan.solicitedNode(twin)).isEqualTo(Lan.solicitedNode(VIP));
    lan.claim(VIP);
    lan.claim(twin);
    Vip second = new Vip(new VipKey(Ip.parse(twin), Kind.TCP6.protocol, 80), 0, List.of());
    LAB.program(second);
    byte[] answer = Lan.advertisement(twin, CLIENT).bytes();
    answers(answer, Lan.solicitation(CLIENT, twin));
    LAB.test().reopen(); // another agent adopts them
    answers(answer, Lan.solicitation(CLIENT, twin));
    LAB.test().remove(Kind.TCP6.vipKey());
    answers(answer, Lan.solicitation(CLIENT, twin));
    LAB.test().remove(second.key());
    LAB.passes(Lan.solicitation(CLIENT, twin));
  }
}
