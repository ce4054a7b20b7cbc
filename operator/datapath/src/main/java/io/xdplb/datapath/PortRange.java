// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * A range of ports, both ends included.
 *
 * @param first 1 to 65535
 * @param last {@code first} to 65535
 */
public record PortRange(int first, int last) {
  public PortRange {
    if (first < 1 || last > 65535 || first > last) {
      throw new IllegalArgumentException(
          first + "-" + last + " is no port range: 1 <= first <= last <= 65535");
    }
  }

  /**
   * From text such as {@code 10000-29999}.
   *
   * @throws IllegalArgumentException if it is not of that form
   */
  public static PortRange parse(String text) {
    String[] ends = text.split("-", -1);
    try {
      if (ends.length == 2) {
        return new PortRange(Integer.parseInt(ends[0].strip()), Integer.parseInt(ends[1].strip()));
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException("\"" + text + "\" is no port range like 10000-29999");
  }

  /** How many ports it has. */
  public int size() {
    return last - first + 1;
  }

  /** Whether the two have a port in common. */
  public boolean overlaps(PortRange other) {
    return first <= other.last && other.first <= last;
  }

  @Override
  public String toString() {
    return first + "-" + last;
  }
}
