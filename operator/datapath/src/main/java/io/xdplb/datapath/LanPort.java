// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * A LAN that this machine is on, and where addresses can be announced.
 *
 * @param ifindex of the interface that the program is on
 * @param vlan id of the 802.1Q tag that its frames have there; 0 if they have none
 * @param mac what is answered: six bytes, of the interface that packets to the addresses shall come
 *     to
 */
public record LanPort(int ifindex, int vlan, byte[] mac) {
  private static final int MAC_BYTES = 6;
  private static final int VLANS = 4095;

  /**
   * @throws IllegalArgumentException if there can be no such port
   */
  public LanPort {
    if (ifindex <= 0 || vlan < 0 || vlan >= VLANS || mac.length != MAC_BYTES) {
      throw new IllegalArgumentException(
          "LAN port on interface %d with VLAN %d and MAC address %s"
              .formatted(ifindex, vlan, HexFormat.ofDelimiter(":").formatHex(mac)));
    }
    mac = mac.clone();
  }

  @Override
  public byte[] mac() {
    return mac.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LanPort port
        && ifindex == port.ifindex
        && vlan == port.vlan
        && Arrays.equals(mac, port.mac);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(mac) * 31 * 31 + ifindex * 31 + vlan;
  }

  @Override
  public String toString() {
    String tag = vlan == 0 ? "" : " VLAN " + vlan;
    return "interface " + ifindex + tag + " " + HexFormat.ofDelimiter(":").formatHex(mac);
  }
}
