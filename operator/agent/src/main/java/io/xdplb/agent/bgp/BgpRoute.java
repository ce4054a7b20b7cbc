// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.util.Collection;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An address to announce, as a /32 or /128.
 *
 * @param address the VIP
 * @param peers the names of the peers that get it; names that this node has no peer of do not
 *     matter
 * @param communities standard ones as {@code 64512:100} (two numbers below 65536) or by their names
 *     ({@code no-export}, {@code no-advertise}, {@code no-export-subconfed}, {@code no-peer},
 *     {@code graceful-shutdown}, {@code blackhole}), large ones as {@code 64512:1:2} (32 bits each)
 * @param localPreference for iBGP peers: 0 to 4294967295, higher is preferred; BIRD's default is
 *     100
 */
public record BgpRoute(
    Ip address, Set<String> peers, Set<String> communities, OptionalLong localPreference) {

  private static final Pattern STANDARD = Pattern.compile("(\\d{1,5}):(\\d{1,5})");
  private static final Pattern LARGE = Pattern.compile("(\\d{1,10}):(\\d{1,10}):(\\d{1,10})");

  /** By the registry of IANA. */
  private static final Map<String, String> WELL_KNOWN =
      Map.of(
          "graceful-shutdown", "65535:0",
          "blackhole", "65535:666",
          "no-export", "65535:65281",
          "no-advertise", "65535:65282",
          "no-export-subconfed", "65535:65283",
          "no-peer", "65535:65284");

  /**
   * Checks all of it.
   *
   * @throws IllegalArgumentException with the address, what is wrong and why
   */
  public BgpRoute {
    peers = Set.copyOf(peers);
    communities = Set.copyOf(communities);
    try {
      communities.forEach(BgpRoute::numbers);
      localPreference.ifPresent(
          preference -> Check.range("the local preference", preference, 0, 0xffff_ffffL));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("BGP route to " + address + ": " + e.getMessage());
    }
  }

  /** The communities as BIRD writes them, in order and each once: {@code (64512,100)}. */
  Collection<String> communitiesInNumbers() {
    Set<String> all = new TreeSet<>();
    communities.forEach(community -> all.add(numbers(community)));
    return all;
  }

  private static String numbers(String community) {
    String text = WELL_KNOWN.getOrDefault(community, community);
    Matcher standard = STANDARD.matcher(text);
    Matcher large = LARGE.matcher(text);
    if (standard.matches()) {
      return numbers(community, standard, 0xffff);
    }
    if (large.matches()) {
      return numbers(community, large, 0xffff_ffffL);
    }
    throw new IllegalArgumentException(
        ("\"%s\" is no community: it must be like 64512:100, like 64512:1:2 (large), or one of "
                + new TreeSet<>(WELL_KNOWN.keySet()))
            .formatted(community));
  }

  private static String numbers(String community, Matcher parts, long most) {
    StringBuilder numbers = new StringBuilder("(");
    for (int i = 1; i <= parts.groupCount(); i++) {
      long number = Long.parseLong(parts.group(i));
      Check.range("a number in the community \"" + community + "\"", number, 0, most);
      numbers.append(i == 1 ? "" : ",").append(number);
    }
    return numbers.append(')').toString();
  }
}
