// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** Collects what is wrong with a spec, with the checks that many of its fields need. */
final class Findings {

  static final String LABEL_TEXT = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
  static final Pattern LABEL = Pattern.compile(LABEL_TEXT);

  private static final Pattern SUBDOMAIN = Pattern.compile(LABEL_TEXT + "(\\." + LABEL_TEXT + ")*");
  private static final int SUBDOMAIN_LENGTH = 253;

  private final List<Problem> problems = new ArrayList<>();

  /** What was found, in the order in which it was. */
  List<Problem> problems() {
    return List.copyOf(problems);
  }

  /** Each address once; what is none is found. */
  List<Ip> ips(String listWhere, List<String> texts, String purpose) {
    List<Ip> ips = new ArrayList<>();
    Set<Ip> seen = new HashSet<>();
    for (int i = 0; i < texts.size(); i++) {
      String where = listWhere + "[" + i + "]";
      String text = texts.get(i);
      if (text == null) {
        invalid(where, "is empty; write an IPv4 or IPv6 address or remove it");
        continue;
      }
      try {
        Ip ip = Ip.parse(text);
        AddressRules.refusal(ip)
            .ifPresent(
                why ->
                    invalid(
                        where,
                        ip
                            + " is "
                            + why
                            + ", which cannot be "
                            + purpose
                            + "; write a unicast address"));
        if (!seen.add(ip)) {
          invalid(where, ip + " is in the list twice; remove one");
        } else {
          ips.add(ip);
        }
      } catch (IllegalArgumentException e) {
        invalid(where, e.getMessage() + "; write an IPv4 or IPv6 address");
      }
    }
    return ips;
  }

  /** Whether a list that must not be empty is not. */
  boolean present(String where, List<?> list, int max, String what) {
    if (list == null || list.isEmpty()) {
      invalid(where, "has no " + what + "; write at least one");
      return false;
    }
    atMost(where, list.size(), max, what);
    return true;
  }

  void atMost(String where, int size, int max, String what) {
    if (size > max) {
      invalid(where, "has more than " + max + " " + what + "; split it over several LoadBalancers");
    }
  }

  boolean label(String where, String text) {
    boolean ok = text != null && LABEL.matcher(text).matches();
    if (!ok) {
      invalid(where, text == null ? "is missing; write a name" : notA("DNS label", text, 63));
    }
    return ok;
  }

  /** The name of an object. */
  void name(String where, String text) {
    if (text == null) {
      invalid(where, "is missing; write a name");
    } else if (text.length() > SUBDOMAIN_LENGTH || !SUBDOMAIN.matcher(text).matches()) {
      invalid(where, notA("DNS name", text, SUBDOMAIN_LENGTH));
    }
  }

  boolean port(String where, int port) {
    boolean ok = port >= 1 && port <= 65_535;
    if (!ok) {
      invalid(where, port + " is no port; use 1 to 65535");
    }
    return ok;
  }

  static String notA(String what, String text, int maxLength) {
    String shown = text.length() <= 80 ? text : text.substring(0, 77) + "...";
    return "\""
        + shown
        + "\" is no "
        + what
        + "; use lower-case letters, digits and hyphens, at most "
        + maxLength
        + " characters";
  }

  void invalid(String where, String message) {
    problems.add(new Problem(Reason.InvalidSpec, where, message));
  }
}
