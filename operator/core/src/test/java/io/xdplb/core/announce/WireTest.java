// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What goes over the wire. */
class WireTest {

  private static final Hello HELLO = new Hello(false, 1, 2, 3, 4, 5, 6, 7, 0x1122334455667788L);

  @Test
  void aHelloIsEightLittleEndianWords() {
    assertThat(HexFormat.of().formatHex(HELLO.encode()))
        .isEqualTo(
            "7864704801010102"
                + "0300000000000000"
                + "0400000000000000"
                + "0500000000000000"
                + "0600000000000000"
                + "0700000000000000"
                + "8877665544332211"
                + "0000000000000000");
  }

  @Test
  void aReflectionIsTheHelloWithTheDatapathsInstanceAndTime() {
    Hello reflection = HELLO.reflect(70, 80);
    assertThat(reflection).isEqualTo(new Hello(true, 1, 2, 3, 4, 5, 6, 70, 80));
    assertThat(Hello.decode(reflection.encode())).isEqualTo(reflection);
    assertThat(Hello.decode(HELLO.encode())).isEqualTo(HELLO);
  }

  @Test
  void messagesComeBackAsTheyWereAndFitInAPacket() {
    List<AddressState> states = new ArrayList<>();
    for (int i = 0; i < Message.MAX_STATES; i++) {
      Ip ip = Ip.parse(i % 2 == 0 ? "203.0.113." + i : "2001:db8::" + i);
      states.add(new AddressState(ip, i % 3 == 0, i % 5 == 0, i, i - 1, -i));
    }
    Message state = new Message.State(1, 62, 3, -4, 5, 6, 7, 8, 9, 10, true, states);
    List<Member> members = new ArrayList<>();
    for (int slot = 0; slot < Membership.MAX_MEMBERS; slot++) {
      members.add(new Member(slot, "node-" + slot, Ip.parse("2001:db8::" + slot)));
    }
    Message news = new Message.News(new Membership(7, true, members, true));
    assertThat(Message.decode(state.encode())).isEqualTo(state);
    assertThat(Message.decode(news.encode())).isEqualTo(news);
    assertThat(state.encode()).hasSize(1412);
  }

  @Test
  void whatIsNotOursOrCutOffIsRefused() {
    byte[] news =
        new Message.News(
                new Membership(
                    1, false, List.of(new Member(0, "a", Ip.parse("198.51.100.1"))), false))
            .encode();
    for (int length = 0; length < news.length - 8; length++) {
      byte[] cut = Arrays.copyOf(news, length);
      assertThatThrownBy(() -> Message.decode(cut)).isInstanceOf(IllegalArgumentException.class);
    }
    byte[] hello = HELLO.encode();
    assertThatThrownBy(() -> Message.decode(hello)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Hello.decode(news)).isInstanceOf(IllegalArgumentException.class);
    hello[4]++;
    assertThatThrownBy(() -> Hello.decode(hello)).isInstanceOf(IllegalArgumentException.class);
    hello[4]--;
    hello[5] = 3;
    assertThatThrownBy(() -> Hello.decode(hello)).isInstanceOf(IllegalArgumentException.class);
  }
}
