// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.External;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.Prefer;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hints of EndpointSlices and trafficPolicy.prefer: which endpoints each node uses. What is
 * expected is what kube-proxy does (pkg/proxy/topology.go).
 *
 * <p>A pod is written as {@code address@node}, then {@code nodes=}, {@code zones=} for its hints
 * and {@code ending} or {@code unready}. There are nodes a and b in zone 1, c in zone 2, d in none.
 */
class NearTrafficTest {

  private static final ServicePort WEB = new ServicePort("web", Protocol.TCP, 80);
  private static final ServicePort CANARY = new ServicePort("canary", Protocol.TCP, 80);
  private static final Map<String, String> ZONES = Map.of("a", "1", "b", "1", "c", "2");
  private static final List<String> NODES = List.of("a", "b", "c", "d");

  static Stream<Arguments> rows() {
    return Stream.of(
        row("without hints all use all", null, pods("p@a", "q@c"), "a: p q", "c: p q", "d: p q"),
        row(
            "a zone uses what is for it",
            null,
            pods("p@a zones=1", "q@b zones=1", "r@c zones=2"),
            "a: p q",
            "b: p q",
            "c: r",
            "d: p q r"),
        row(
            "hints and not the place of the pod decide",
            null,
            pods("p@a zones=2", "q@c zones=1"),
            "a: q",
            "c: p"),
        row(
            "a pod may be for several zones",
            null,
            pods("p@a zones=1,2", "q@c zones=2"),
            "a: p",
            "c: p q"),
        row(
            "a zone without any uses all",
            null,
            pods("p@a zones=1", "q@b zones=1"),
            "a: p q",
            "c: p q",
            "d: p q"),
        row(
            "one ready pod without hints, and there are none",
            null,
            pods("p@a zones=1", "q@c"),
            "a: p q",
            "c: p q"),
        row(
            "pods that are not ready need no hints and are not counted",
            null,
            pods("p@a zones=1", "q@c zones=2", "r@b unready", "s@c ending"),
            "a: p",
            "c: q"),
        row(
            "a zone whose pods are not ready uses all that are",
            null,
            pods("p@a zones=1", "q@c zones=2 unready"),
            "c: p"),
        row(
            "without ready pods those that end take, whatever is hinted",
            null,
            pods("p@a zones=1 ending", "q@c zones=2 ending"),
            "a: p q",
            "c: p q"),
        row(
            "a node uses what is for it, others what is for their zone",
            null,
            pods("p@a nodes=a zones=1", "q@b nodes=b zones=1", "r@c nodes=c zones=2"),
            "a: p",
            "b: q",
            "c: r",
            "d: p q r"),
        row(
            "a node without any uses those of its zone",
            null,
            pods("p@a nodes=a zones=1", "r@c nodes=c zones=2"),
            "a: p",
            "b: p",
            "c: r"),
        row(
            "hints for nodes need none for zones",
            null,
            pods("p@a nodes=a", "q@c nodes=c"),
            "a: p",
            "b: p q",
            "c: q"),
        row(
            "one without a node, and zones count",
            null,
            pods("p@a nodes=a zones=1", "q@b zones=1", "r@c nodes=c zones=2"),
            "a: p q",
            "c: r"),
        row(
            "SameZone goes by the nodes of the pods",
            Prefer.SameZone,
            pods("p@a", "q@b", "r@c"),
            "a: p q",
            "b: p q",
            "c: r",
            "d: p q r"),
        row(
            "SameZone needs the zone of all",
            Prefer.SameZone,
            pods("p@a", "q@d"),
            "a: p q",
            "c: p q"),
        row(
            "SameNode, else the zone, else all",
            Prefer.SameNode,
            pods("p@a", "r@c"),
            "a: p",
            "b: p",
            "c: r",
            "d: p r"),
        row(
            "SameNode where zones are not known of all",
            Prefer.SameNode,
            pods("p@a", "q@d"),
            "a: p",
            "b: p q",
            "d: q"),
        row(
            "what is preferred stands instead of the hints",
            Prefer.SameZone,
            pods("p@a zones=2", "r@c zones=1"),
            "a: p",
            "c: r"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("rows")
  void everyNodeUses(
      String what, Prefer prefer, List<Endpoint> pods, Map<String, List<String>> expected) {
    CompileResult.Compiled result =
        compiled(
            new TrafficPolicy(External.Cluster, prefer),
            Map.of(WEB, new ServiceEndpoints.Resolved(pods)),
            service("web", 1));
    expected.forEach(
        (node, takers) ->
            assertThat(takers(result, node)).as("%s, node %s", what, node).isEqualTo(takers));
    assertThat(result.problems()).isEmpty();
    assertThat(part(result, "a").backends())
        .as("keeps flows, and takes what other nodes send")
        .hasSameSizeAs(pods);
  }

  @Test
  void withLocalHintsDoNotCount() {
    CompileResult.Compiled result =
        compiled(
            new TrafficPolicy(External.Local),
            Map.of(WEB, new ServiceEndpoints.Resolved(pods("p@a zones=2", "q@c zones=1"))),
            service("web", 1));
    assertThat(takers(result, "a")).containsExactly("p=1");
    assertThat(takers(result, "b")).isEmpty();
    assertThat(takers(result, "c")).containsExactly("q=1");
  }

  @Test
  void localAndAPreferenceIsRefused() {
    CompileResult result =
        Compiler.compile(
            input(
                new TrafficPolicy(External.Local, Prefer.SameNode),
                Map.of(WEB, new ServiceEndpoints.Resolved(List.of())),
                service("web", 1)));
    assertThat(result).isInstanceOf(CompileResult.Refused.class);
    assertThat(result.problems())
        .extracting(Problem::toString)
        .singleElement()
        .asString()
        .startsWith("spec.trafficPolicy.prefer: SameNode has no meaning with external Local");
  }

  @Test
  void eachServiceHasItsOwnHintsAndTheWeightsOfGroupsHoldEverywhere() {
    CompileResult.Compiled result =
        compiled(
            new TrafficPolicy(External.Cluster),
            Map.of(
                WEB,
                new ServiceEndpoints.Resolved(
                    pods("p@a zones=1", "q@a zones=1", "r@b zones=1", "s@c zones=2")),
                CANARY,
                new ServiceEndpoints.Resolved(pods("t@d"))),
            service("web", 9),
            service("canary", 1));
    assertThat(takers(result, "a")).containsExactly("p=3", "q=3", "r=3", "t=1");
    assertThat(takers(result, "c")).containsExactly("s=9", "t=1");
    assertThat(takers(result, "d")).containsExactly("p=9", "q=9", "r=9", "s=9", "t=4");
  }

  @Test
  void serversAreForAllNodes() {
    CompileResult.Compiled result =
        compiled(
            new TrafficPolicy(External.Cluster, Prefer.SameZone),
            Map.of(WEB, new ServiceEndpoints.Resolved(pods("p@a", "q@c"))),
            service("web", 1),
            new Backend(null, new StaticBackends(List.of("198.51.100.26"), 8080), 1));
    assertThat(takers(result, "a")).containsExactly("p=1", "z=1");
    assertThat(takers(result, "d")).containsExactly("p=1", "q=1", "z=2");
  }

  @Test
  void whereABackendWouldNeedTooManyWeightsNodesAreNotToldApart() {
    List<Endpoint> pods =
        IntStream.rangeClosed(0, Limits.BACKEND_PARTS)
            .mapToObj(
                i ->
                    new Endpoint(
                        "198.51.101." + i,
                        8080,
                        EndpointConditions.ABSENT,
                        "n" + i,
                        new Hints(Set.of("n" + i), Set.of(i == 0 ? "2" : "1"))))
            .toList();
    Map<ServicePort, ServiceEndpoints> alone = Map.of(WEB, new ServiceEndpoints.Resolved(pods));
    assertThat(
            takers(compiled(new TrafficPolicy(External.Cluster), alone, service("web", 1)), "n5"))
        .hasSize(1);
    CompileResult.Compiled two =
        compiled(
            new TrafficPolicy(External.Cluster),
            Map.of(
                WEB,
                new ServiceEndpoints.Resolved(pods),
                CANARY,
                new ServiceEndpoints.Resolved(pods("t@d"))),
            service("web", 1),
            service("canary", 1));
    assertThat(takers(two, "n5")).hasSize(Limits.BACKEND_PARTS + 2);
    assertThat(takers(two, "c")).as("zones are").hasSize(2);
  }

  @Test
  void theRingsAreNotSmallSoThatTheirSizeSeldomChanges() {
    for (String pods : List.of("p@a zones=1", "p@a zones=1,q@a zones=2,r@a zones=1")) {
      CompileResult.Compiled result =
          compiled(
              new TrafficPolicy(External.Cluster),
              Map.of(WEB, new ServiceEndpoints.Resolved(pods(pods.split(",")))),
              service("web", 1));
      assertThat(NODES).allMatch(node -> part(result, node).ringSize() == 4001);
    }
  }

  @Test
  void aChangedHintMakesAnotherTable() {
    assertThat(hash(pods("p@a zones=1", "q@c zones=2")))
        .isNotEqualTo(hash(pods("p@a zones=2", "q@c zones=1")))
        .isNotEqualTo(hash(pods("p@a nodes=1", "q@c nodes=2")))
        .isNotEqualTo(hash(pods("p@a", "q@c")));
  }

  @Test
  void anyTableHasTheHashOfWhatIsReadFromItAndEveryPartCanBeProgrammed() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      List<Endpoint> pods = new ArrayList<>();
      for (int i = random.nextInt(20); i > 0; i--) {
        pods.add(
            pod(
                (char) ('a' + random.nextInt(12))
                    + "@"
                    + NODES.get(random.nextInt(4))
                    + (random.nextInt(9) == 0 ? "" : " nodes=" + NODES.get(random.nextInt(4)))
                    + (random.nextInt(9) == 0 ? "" : " zones=" + (1 + random.nextInt(2)))
                    + (random.nextInt(3) == 0 ? " ending" : "")));
      }
      TrafficPolicy policy = new TrafficPolicy(External.Cluster);
      CompileResult.Compiled result =
          compiled(policy, Map.of(WEB, new ServiceEndpoints.Resolved(pods)), service("web", 1));
      Collections.shuffle(pods, random);
      assertThat(
              compiled(policy, Map.of(WEB, new ServiceEndpoints.Resolved(pods)), service("web", 1)))
          .as("seed %d", seed)
          .isEqualTo(result);
      List<Vip> vips = Tables.toVips(result.table());
      assertThat(TableHash.desired(vips)).as("seed %d", seed).isEqualTo(result.table().tableHash());
      for (String node : NODES) {
        Vip part = part(result, node);
        assertThat(TableHash.desired(List.of(part))).as("seed %d", seed).hasSize(64);
        assertThat(part.hasParts()).isFalse();
        assertThat(part.ringSize() > 0)
            .as("seed %d: with a preference nobody is left without", seed)
            .isEqualTo(result.readyEndpoints() > 0);
      }
    }
  }

  private static String hash(List<Endpoint> pods) {
    return compiled(
            new TrafficPolicy(External.Cluster),
            Map.of(WEB, new ServiceEndpoints.Resolved(pods)),
            service("web", 1))
        .table()
        .tableHash();
  }

  private static Arguments row(
      String what, Prefer prefer, List<Endpoint> pods, String... expected) {
    Map<String, List<String>> takers =
        Arrays.stream(expected)
            .map(line -> line.split(": "))
            .collect(
                Collectors.toMap(
                    parts -> parts[0],
                    parts -> Arrays.stream(parts[1].split(" ")).map(p -> p + "=1").toList()));
    return arguments(what, prefer, pods, takers);
  }

  private static List<String> takers(CompileResult.Compiled result, String node) {
    return part(result, node).backends().stream()
        .filter(backend -> backend.weight() > 0)
        .map(backend -> letter(backend.key().address().toString()) + "=" + backend.weight())
        .toList();
  }

  private static Vip part(CompileResult.Compiled result, String node) {
    return Tables.toVips(result.table()).get(0).partOf(node, ZONES.get(node));
  }

  private static CompileResult.Compiled compiled(
      TrafficPolicy policy, Map<ServicePort, ServiceEndpoints> services, Backend... backends) {
    CompileResult result = Compiler.compile(input(policy, services, backends));
    assertThat(result.problems(Concern.ACCEPTED)).isEmpty();
    return (CompileResult.Compiled) result;
  }

  private static CompileInput input(
      TrafficPolicy policy, Map<ServicePort, ServiceEndpoints> services, Backend... backends) {
    Map<String, NodeInfo> nodes = new HashMap<>();
    NODES.forEach(node -> nodes.put(node, new NodeInfo(List.of(), false, ZONES.get(node))));
    return new CompileInput(
        new ObjectName("shop", "front"),
        new LoadBalancerSpec(
            new Addresses(List.of("203.0.113.10")),
            List.of(new Listener("http", Protocol.TCP, 80, List.of(backends))),
            null,
            null,
            null,
            null,
            policy,
            null,
            null),
        services,
        nodes);
  }

  private static Backend service(String name, int weight) {
    return new Backend(new ServiceRef(name, 80), null, weight);
  }

  private static List<Endpoint> pods(String... texts) {
    return Arrays.stream(texts).map(NearTrafficTest::pod).toList();
  }

  private static Endpoint pod(String text) {
    String[] words = text.split(" ");
    EndpointConditions conditions =
        text.endsWith(" ending")
            ? new EndpointConditions(false, true, true)
            : text.endsWith(" unready")
                ? new EndpointConditions(false, false, false)
                : EndpointConditions.ABSENT;
    return new Endpoint(
        "198.51.100." + (words[0].charAt(0) - 'a' + 1),
        8080,
        conditions,
        words[0].split("@")[1],
        new Hints(names(words, "nodes="), names(words, "zones=")));
  }

  private static Set<String> names(String[] words, String prefix) {
    return Arrays.stream(words)
        .filter(word -> word.startsWith(prefix))
        .flatMap(word -> Arrays.stream(word.substring(prefix.length()).split(",")))
        .collect(Collectors.toSet());
  }

  private static char letter(String address) {
    return (char) ('a' + Integer.parseInt(address.substring(address.lastIndexOf('.') + 1)) - 1);
  }
}
