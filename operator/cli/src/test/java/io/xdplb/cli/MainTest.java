// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void versionIsThatOfTheBuild() {
    assertThat(run("version")).isZero();
    assertThat(out.toString()).startsWith("xdplb ").doesNotContain("$");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                     | Usage: xdplb",
        "nosuch                                 | nosuch",
        "standalone                             | DIR",
        "standalone d --peer 198.51.100.0/24    | not an IPv4 or IPv6 address: \"198.51.100.0/24\"",
        "standalone d --peer 198.51.100.1,two   | not an IPv4 or IPv6 address: \"two\"",
        "standalone d --nat-ports 5             | \"5\" is no port range like 10000-29999",
        "standalone d --nat-ports 9-1           | 9-1 is no port range: 1 <= first",
        "standalone d --xdp-mode fast           | expected one of [AUTO, NATIVE, GENERIC]",
        "standalone d --max-vips many           | 'many' is not an int",
        "status -o yaml                         | expected one of [TABLE, JSON]",
        "status --log-level loud                | \"loud\" is no level"
      })
  void wrongArgumentsAreExplained(String arguments, String explanation) {
    assertThat(run(arguments.isEmpty() ? new String[0] : arguments.split(" "))).isEqualTo(2);
    assertThat(err.toString()).contains(explanation).doesNotContain("\tat ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "status --pin-path /nonexistent/x       | nothing is pinned at /nonexistent/x",
        "agent --interface eth0                 | give --node-name or set NODE_NAME",
        "operator --kubeconfig /nonexistent/k   | cannot read the kubeconfig /nonexistent/k"
      })
  void anErrorOfTheUserIsOneLine(String arguments, String explanation) {
    assertThat(run(arguments.split(" "))).isEqualTo(1);
    assertThat(err.toString())
        .startsWith("xdplb " + arguments.split(" ")[0] + ": ")
        .contains(explanation);
    assertThat(err.toString().lines()).hasSize(1);
  }

  @Test
  void detachOfNothingSucceeds() {
    assertThat(run("detach", "--pin-path", "/nonexistent/x")).isZero();
    assertThat(out.toString()).isEqualTo("nothing is pinned at /nonexistent/x\n");
  }

  @Test
  void defaultInterfacesAreThoseOfTheDefaultRoutes() {
    List<String> ipv4 =
        List.of(
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT",
            "eth1 00000000 010011AC 0003 0 0 0 00000000 0 0 0",
            "eth0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0");
    String zero = "0".repeat(32);
    String tail = " 00 " + zero + " 00 " + zero + " 00000400 00000001 00000000 ";
    List<String> ipv6 =
        List.of(
            zero + tail + "00000003 eth2",
            zero + tail + "00200200       lo",
            "2001"
                + "0".repeat(28)
                + " 40 "
                + zero
                + " 00 "
                + zero
                + " 00000100 00000001 00000000 00000001 eth3");
    assertThat(DefaultInterfaces.from(ipv4, ipv6)).containsExactly("eth1", "eth2");
    assertThat(DefaultInterfaces.from(List.of(), List.of())).isEmpty();
  }

  private int run(String... arguments) {
    return Main.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }
}
