// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** ARP requests for addresses that are claimed. */
@RequiresBpf
class ArpTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final String VIP = "203.0.113.10";
  private static final String CLIENT = "198.51.100.10";
  private static final byte[] REQUEST = Lan.request(CLIENT, VIP);
  private static final byte[] REPLY = Lan.reply(CLIENT, VIP);

  private AnnounceLab lan;

  @BeforeEach
  void open() {
    lan = new AnnounceLab(LAB);
  }

  @AfterEach
  void close() {
    lan.close();
  }

  private AnnounceCounts counts() {
    return lan.announcements().counts();
  }

  @Test
  void claimedAddressIsAnswered() {
    lan.claim(VIP);
    AnnounceCounts before = counts();
    lan.answers(REPLY, REQUEST);
    assertThat(counts().arpAnswered()).isEqualTo(before.arpAnswered() + 1);
    assertThat(counts().arpWithheld()).isEqualTo(before.arpWithheld());
  }

  @Test
  void paddingOfTheShortestFrameStays() {
    lan.claim(VIP);
    lan.answers(Arrays.copyOf(REPLY, 60), Arrays.copyOf(REQUEST, 60));
  }

  @Test
  void othersPass() {
    lan.claim(VIP);
    LAB.passes(Lan.request(CLIENT, "203.0.113.11"));
    LAB.passes(Lan.request(CLIENT, "198.51.100.1"));
    lan.unclaim(VIP);
    LAB.passes(REQUEST);
  }

  @Test
  void withoutEnoughVotesItIsDropped() {
    lan.claim(VIP);
    lan.loseVote();
    AnnounceCounts before = counts();
    lan.withholds(REQUEST);
    assertThat(counts().arpWithheld()).isEqualTo(before.arpWithheld() + 1);
    assertThat(counts().arpAnswered()).isEqualTo(before.arpAnswered());
    LAB.passes(Lan.request(CLIENT, "203.0.113.11"));
  }

  @Test
  void unicastRequestsOfThoseWhoKnowUs() {
    lan.claim(VIP);
    byte[] zero = Lan.arp(Lan.PORT_MAC, Lan.ASKER, 1, Lan.ASKER, CLIENT, Lan.PORT_MAC, VIP);
    lan.answers(REPLY, zero);
    // a switch that does not know where somebody is sends his frames to all
    LAB.passes(
        Lan.arp("02:00:00:00:00:77", Lan.ASKER, 1, Lan.ASKER, CLIENT, "02:00:00:00:00:77", VIP));
  }

  /** RFC 5227: may I have it? */
  @Test
  void probesAreAnswered() {
    lan.claim(VIP);
    lan.answers(Lan.reply("0.0.0.0", VIP), Lan.request("0.0.0.0", VIP));
  }

  @Test
  void announcementsAndRepliesOfOthersPass() {
    lan.claim(VIP);
    LAB.passes(Lan.request(VIP, VIP)); // gratuitous
    LAB.passes(Lan.arp(Lan.EVERYBODY, Lan.ASKER, 2, Lan.ASKER, VIP, Lan.EVERYBODY, VIP));
    LAB.passes(Lan.arp(Lan.PORT_MAC, Lan.ASKER, 2, Lan.ASKER, VIP, Lan.PORT_MAC, CLIENT));
    lan.loseVote();
    LAB.passes(Lan.request(VIP, VIP));
  }

  @Test
  void malformedPasses() {
    lan.claim(VIP);
    for (int at = 14; at < 22; at++) { // hardware, protocol, lengths, operation
      byte[] frame = REQUEST.clone();
      frame[at] ^= 4;
      LAB.passes(frame);
    }
    for (int length = 14; length < REQUEST.length; length++) {
      LAB.passes(Arrays.copyOf(REQUEST, length));
    }
    LAB.passes(Lan.arp(Lan.EVERYBODY, "03:00:00:00:00:0a", 1, Lan.ASKER, CLIENT, Lan.ASKER, VIP));
    LAB.passes(
        Frame.ethernet(Lan.EVERYBODY, Lan.ASKER, 0x8035, Arrays.copyOfRange(REQUEST, 14, 42)));
  }

  @Test
  void onlyWhereThereIsALanPort() {
    lan.claim(VIP);
    lan.announcements().ports(List.of(new LanPort(lan.ifindex() + 1, 0, Lan.mac(Lan.PORT_MAC))));
    LAB.passes(REQUEST);
    lan.ports(5);
    LAB.passes(REQUEST);
    lan.ports(5, 0);
    lan.answers(REPLY, REQUEST);
    lan.announcements().ports(List.of());
    LAB.passes(REQUEST);
  }

  @Test
  void onlyOnTheLanPortsOfTheClaim() {
    Ip vip = Ip.parse(VIP);
    lan.ports(5, 0);
    lan.claim(VIP);
    lan.answers(REPLY, REQUEST);
    lan.announcements().answerOn(vip, 0b01);
    LAB.passes(REQUEST);
    lan.announcements().answerOn(vip, 0b10);
    lan.answers(REPLY, REQUEST);
    lan.announcements().answerOn(vip, 0b01);
    lan.unclaim(VIP);
    lan.claim(VIP); // for later claims, too
    LAB.passes(REQUEST);
    lan.loseVote(); // who is not asked withholds nothing
    LAB.passes(REQUEST);
    lan.announcements().answerOn(vip, Announcements.ALL_PORTS);
    lan.withholds(REQUEST);
  }

  @Test
  void anotherMacAddressOfTheLanPort() {
    lan.claim(VIP);
    String other = "02:00:00:00:44:55";
    lan.announcements().ports(List.of(new LanPort(lan.ifindex(), 0, Lan.mac(other))));
    lan.answers(Lan.arp(Lan.ASKER, other, 2, other, VIP, Lan.ASKER, CLIENT), REQUEST);
  }

  private static byte[] tagged(byte[] frame, int... tags) {
    return VlanTest.tagged(frame, tags);
  }

  @Test
  void withATag() {
    lan.claim(VIP);
    lan.ports(0, 100);
    lan.answers(tagged(REPLY, 0x8100, 100), tagged(REQUEST, 0x8100, 100));
    lan.answers(tagged(REPLY, 0x8100, 0x6064), tagged(REQUEST, 0x8100, 0x6064)); // with a priority
    lan.answers(tagged(REPLY, 0x8100, 0xe000), tagged(REQUEST, 0x8100, 0xe000)); // and only that
    lan.answers(REPLY, REQUEST);
    LAB.passes(tagged(REQUEST, 0x8100, 101));
    LAB.passes(tagged(REQUEST, 0x88a8, 100)); // another network than 802.1Q's 100
    LAB.passes(tagged(REQUEST, 0x88a8, 7, 0x8100, 100));
    LAB.passes(tagged(REQUEST, 0x8100, 0, 0x8100, 100));
    lan.loseVote();
    lan.withholds(tagged(REQUEST, 0x8100, 100));
    LAB.passes(tagged(Lan.request(CLIENT, "203.0.113.11"), 0x8100, 100));
  }
}
