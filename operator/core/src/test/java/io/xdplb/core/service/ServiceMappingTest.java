// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.service.Finding.Reason;
import io.xdplb.core.service.ServiceInput.Port;
import io.xdplb.core.table.Tables;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServiceMappingTest {

  private static final Port HTTP = new Port("http", "TCP", 80);
  private static final List<IpFamily> DUAL = List.of(IpFamily.IPv6, IpFamily.IPv4);

  private Map<String, String> annotations = new HashMap<>();
  private List<Port> ports = List.of(HTTP);
  private List<IpFamily> families = List.of(IpFamily.IPv4);
  private IpFamilyPolicy policy = IpFamilyPolicy.SingleStack;
  private String loadBalancerIp;
  private List<String> sourceRanges = List.of();
  private boolean isLocal;
  private Integer healthCheckNodePort;
  private Integer affinity;
  private final Map<String, LoadBalancerSpec> balancers = new HashMap<>();

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      textBlock =
          """
          # type, class, default, ours
          LoadBalancer, xdplb.io/xdp,        false, true
          LoadBalancer, xdplb.io/xdp,        true,  true
          LoadBalancer, -,                   false, false
          LoadBalancer, -,                   true,  true
          LoadBalancer, '',                  true,  true
          LoadBalancer, example.org/other,   false, false
          LoadBalancer, example.org/other,   true,  false
          LoadBalancer, xdplb.io/xdp2,       true,  false
          ClusterIP,    xdplb.io/xdp,        true,  false
          ClusterIP,    -,                   true,  false
          NodePort,     -,                   true,  false
          ExternalName, -,                   true,  false
          -,            xdplb.io/xdp,        true,  false
          """)
  void aServiceIsOursByTypeAndClass(String type, String ofClass, boolean isDefault, boolean ours) {
    assertThat(ServiceMapping.isOurs(type, ofClass, isDefault)).isEqualTo(ours);
  }

  @Test
  void theLongestNameAndAnyOtherMakesAValidNameOfItsOwn() {
    String longest = "s".repeat(63);
    assertThat(ServiceMapping.balancerName(longest)).hasSizeLessThan(253);
    assertThat(ServiceMapping.serviceName(ServiceMapping.balancerName(longest))).contains(longest);
    assertThat(ServiceMapping.serviceName("web")).isEmpty();
    assertThat(ServiceMapping.serviceName("service-")).isEmpty();
    assertThat(ServiceMapping.balancerName("service-a"))
        .isNotEqualTo(ServiceMapping.balancerName("a"));
  }

  @Test
  void everyDefaultIsFilledInAsAnApiServerWould() {
    LoadBalancerSpec spec = spec();
    assertThat(spec.addresses())
        .isEqualTo(
            new Addresses(null, null, IpFamilyPolicy.SingleStack, List.of(IpFamily.IPv4), null));
    assertThat(spec.forwarding().mode()).isEqualTo(Forwarding.Mode.Auto);
    assertThat(spec.drain().gracePeriod()).isEqualTo("5m");
    assertThat(spec.access()).isNull();
    assertThat(spec.unavailablePolicy()).isEqualTo(UnavailablePolicy.Reject);
    assertThat(spec.trafficPolicy().external()).isEqualTo(TrafficPolicy.External.Cluster);
    assertThat(spec.template()).isNull();
    assertThat(spec.withdrawn()).isNull();
    Listener listener = spec.listeners().get(0);
    assertThat(listener.name()).isEqualTo("http");
    assertThat(listener.sessionAffinity()).isNull();
    assertThat(listener.backends().get(0).serviceRef().name()).isEqualTo("web");
    assertThat(listener.backends().get(0).weight()).isOne();
    assertThat(map().findings()).isEmpty();
  }

  @Test
  void portsBecomeListenersWithTheirNames() {
    ports =
        List.of(
            new Port("dns", "UDP", 53), new Port("dns-tcp", "TCP", 53), new Port("web", "TCP", 80));
    assertThat(spec().listeners())
        .extracting(l -> l.name() + " " + l.protocol() + " " + l.port())
        .containsExactly("dns UDP 53", "dns-tcp TCP 53", "web TCP 80");
    assertThat(spec().listeners())
        .allMatch(l -> l.backends().get(0).serviceRef().port() == l.port());
    ports = List.of(new Port(null, "TCP", 80));
    assertThat(spec().listeners().get(0).name()).isEqualTo("tcp-80");
    ports = List.of(new Port("", "UDP", 65_535));
    assertThat(spec().listeners().get(0).name()).isEqualTo("udp-65535");
  }

  @Test
  void aPortThatCannotBeServedCostsOnlyItself() {
    Port sctp = new Port("sig", "SCTP", 3868);
    ports = List.of(sctp, HTTP);
    assertThat(mapped().portErrors()).isEqualTo(Map.of(sctp, Reason.UnsupportedProtocol));
    assertThat(spec().listeners()).extracting(Listener::name).containsExactly("http");
    assertThat(map().findings())
        .extracting(Finding::toString)
        .containsExactly(
            "spec.ports[0].protocol: SCTP port 3868 is not served, only TCP and UDP are");
    ports = List.of(sctp);
    refusedFor(Reason.NoUsablePort);
    ports = List.of();
    refusedFor(Reason.NoUsablePort);
  }

  @Test
  void ofMorePortsThanListenersTheFirstAreServed() {
    ports = IntStream.rangeClosed(1, 66).mapToObj(i -> new Port("p" + i, "TCP", i)).toList();
    assertThat(spec().listeners()).hasSize(64);
    assertThat(mapped().portErrors())
        .isEqualTo(Map.of(ports.get(64), Reason.TooManyPorts, ports.get(65), Reason.TooManyPorts));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "xdplb.io/addresses",
        "metallb.io/loadBalancerIPs",
        "metallb.universe.tf/loadBalancerIPs",
        "lbipam.cilium.io/ips",
        "io.cilium/lb-ipam-ips"
      })
  void eachAnnotationForAddressesIsRead(String annotation) {
    families = DUAL;
    policy = IpFamilyPolicy.RequireDualStack;
    annotations.put(annotation, " 203.0.113.10 , 2001:DB8:0::10,");
    assertThat(spec().addresses())
        .isEqualTo(
            new Addresses(
                null,
                List.of("203.0.113.10", "2001:db8::10"),
                IpFamilyPolicy.RequireDualStack,
                DUAL,
                null));
    assertThat(map().findings()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"xdplb.io/pool", "metallb.io/address-pool", "metallb.universe.tf/address-pool"})
  void eachAnnotationForThePoolIsRead(String annotation) {
    annotations.put(annotation, "public");
    assertThat(spec().addresses().poolRef().name()).isEqualTo("public");
    annotations.put(annotation, "Not/A/Name");
    refusedFor(Reason.InvalidPool);
    annotations.put(annotation, "a".repeat(254));
    refusedFor(Reason.InvalidPool);
    annotations.put(annotation, "  ");
    assertThat(spec().addresses().poolRef()).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "xdplb.io/sharing-key",
        "metallb.io/allow-shared-ip",
        "metallb.universe.tf/allow-shared-ip",
        "lbipam.cilium.io/sharing-key",
        "io.cilium/lb-ipam-sharing-key"
      })
  void eachAnnotationForSharingIsRead(String annotation) {
    annotations.put(annotation, "edge dns");
    assertThat(spec().addresses().sharingKey()).isEqualTo("edge dns");
    annotations.put(annotation, "k".repeat(64));
    refusedFor(Reason.InvalidSharingKey);
  }

  @Test
  void oursComesFirstAndADifferenceIsSaid() {
    annotations.put("xdplb.io/addresses", "203.0.113.10");
    annotations.put("metallb.io/loadBalancerIPs", "203.0.113.10");
    assertThat(map().findings()).as("the same").isEmpty();
    annotations.put("lbipam.cilium.io/ips", "203.0.113.99");
    assertThat(spec().addresses().requested()).containsExactly("203.0.113.10");
    assertThat(map().findings())
        .extracting(Finding::toString)
        .containsExactly(
            "metadata.annotations[lbipam.cilium.io/ips]: is not followed, because"
                + " xdplb.io/addresses says something else and comes first; remove one of the two");
  }

  @Test
  void whatHasNoEquivalentIsSaid() {
    annotations.put("lbipam.cilium.io/sharing-cross-namespace", "*");
    assertThat(map().findings())
        .extracting(Finding::reason)
        .containsExactly(Reason.AnnotationIgnored);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"nonsense", "203.0.113.10/32", "203.0.113.10 203.0.113.11", "::ffff:1.2.3.4"})
  void anAddressThatIsNoneIsRefused(String text) {
    annotations.put("xdplb.io/addresses", text);
    refusedFor(Reason.InvalidAddress);
    annotations.clear();
    loadBalancerIp = text;
    assertThat(reasons()).contains(Reason.InvalidAddress);
  }

  @Test
  void moreAddressesThanALoadBalancerHasAreRefused() {
    annotations.put(
        "xdplb.io/addresses",
        IntStream.rangeClosed(1, 17)
            .mapToObj(i -> "203.0.113." + i)
            .collect(Collectors.joining(",")));
    refusedFor(Reason.InvalidAddress);
  }

  @Test
  void theDeprecatedFieldIsAFallbackAndSaid() {
    loadBalancerIp = "203.0.113.10";
    assertThat(spec().addresses().requested()).containsExactly("203.0.113.10");
    assertThat(reasons()).containsExactly(Reason.DeprecatedField);
    annotations.put("xdplb.io/addresses", "203.0.113.10");
    assertThat(reasons()).as("the same").isEmpty();
    annotations.put("xdplb.io/addresses", "203.0.113.11");
    assertThat(spec().addresses().requested()).containsExactly("203.0.113.11");
    assertThat(reasons()).containsExactly(Reason.AnnotationIgnored);
    loadBalancerIp = "";
    assertThat(reasons()).isEmpty();
  }

  @Test
  void familiesKeepTheirOrderAndPolicy() {
    families = DUAL;
    policy = IpFamilyPolicy.PreferDualStack;
    assertThat(spec().addresses().ipFamilies()).isEqualTo(DUAL);
    assertThat(spec().addresses().ipFamilyPolicy()).isEqualTo(IpFamilyPolicy.PreferDualStack);
    policy = IpFamilyPolicy.RequireDualStack;
    assertThat(spec().addresses().ipFamilyPolicy()).isEqualTo(IpFamilyPolicy.RequireDualStack);
    // A cluster with one family gives a Service one, whatever it prefers; so are its endpoints.
    families = List.of(IpFamily.IPv6);
    policy = IpFamilyPolicy.PreferDualStack;
    assertThat(spec().addresses().ipFamilyPolicy()).isEqualTo(IpFamilyPolicy.SingleStack);
    assertThat(spec().addresses().ipFamilies()).containsExactly(IpFamily.IPv6);
  }

  @Test
  void anAddressOfAFamilyThatTheServiceDoesNotHaveIsRefused() {
    annotations.put("xdplb.io/addresses", "203.0.113.10,2001:db8::10");
    refusedFor(Reason.FamilyMismatch);
    assertThat(map().findings().get(0).toString())
        .startsWith(
            "metadata.annotations[xdplb.io/addresses]: 2001:db8::10 is IPv6, and spec.ipFamilies"
                + " is [IPv4]");
  }

  @Test
  void whatBothFamiliesArePreferredForWorksWithOne() {
    policy = IpFamilyPolicy.PreferDualStack;
    annotations.put("xdplb.io/addresses", "203.0.113.10,2001:db8::10");
    assertThat(spec().addresses().requested()).containsExactly("203.0.113.10");
    assertThat(reasons()).containsExactly(Reason.FamilyUnavailable);
    annotations.put("xdplb.io/addresses", "2001:db8::10");
    refusedFor(Reason.FamilyMismatch);
  }

  @Test
  void withoutFamiliesThoseOfTheAddressesCount() {
    families = List.of();
    policy = null;
    assertThat(spec().addresses().ipFamilies()).containsExactly(IpFamily.IPv4);
    annotations.put("xdplb.io/addresses", "2001:db8::10,203.0.113.10");
    assertThat(spec().addresses().ipFamilies()).isEqualTo(DUAL);
    assertThat(spec().addresses().ipFamilyPolicy()).isEqualTo(IpFamilyPolicy.PreferDualStack);
  }

  @Test
  void sourceRangesAreCanonicalAndEachOnce() {
    sourceRanges = List.of(" 2001:DB8::/32", "10.1.2.3/8 ", "10.0.0.0/8");
    assertThat(spec().access().sourceRanges()).containsExactly("10.0.0.0/8", "2001:db8::/32");
  }

  @Test
  void theAnnotationForSourceRangesCountsWithoutTheField() {
    annotations.put(
        "service.beta.kubernetes.io/load-balancer-source-ranges", "10.0.0.0/8, 192.0.2.0/24");
    assertThat(spec().access().sourceRanges()).containsExactly("10.0.0.0/8", "192.0.2.0/24");
    sourceRanges = List.of("198.51.100.0/24");
    assertThat(spec().access().sourceRanges()).containsExactly("198.51.100.0/24");
  }

  @ParameterizedTest
  @ValueSource(strings = {"everybody", "10.0.0.0", "10.0.0.0/33", "010.0.0.0/8", "", ","})
  void aListThatCannotBeReadLetsNobodyIn(String text) {
    sourceRanges = List.of(text);
    assertThat(admits("198.51.100.1")).isFalse();
    assertThat(admits("10.0.0.1")).isFalse();
    assertThat(reasons()).containsExactly(Reason.InvalidSourceRange);
    sourceRanges = List.of("198.51.100.0/24", text);
    assertThat(admits("198.51.100.1")).as("what can be read counts").isTrue();
    assertThat(admits("10.0.0.1")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"everybody", ",", "10.0.0.0"})
  void anAnnotationThatCannotBeReadLetsNobodyIn(String text) {
    annotations.put("service.beta.kubernetes.io/load-balancer-source-ranges", text);
    assertThat(admits("198.51.100.1")).isFalse();
  }

  @Test
  void ofTooManyRangesSomeAreClosed() {
    sourceRanges =
        IntStream.range(0, 257).mapToObj(i -> "10." + i / 200 + "." + i % 200 + ".0/24").toList();
    assertThat(spec().access().sourceRanges()).hasSize(256);
    assertThat(admits("10.1.56.1")).isFalse();
    assertThat(reasons()).containsExactly(Reason.InvalidSourceRange);
  }

  @Test
  void affinityIsThatOfEveryPort() {
    affinity = 60;
    ports = List.of(HTTP, new Port("https", "TCP", 443));
    assertThat(spec().listeners())
        .extracting(Listener::sessionAffinity)
        .containsOnly(new SessionAffinity(SessionAffinity.Type.ClientIP, 60));
  }

  @Test
  void externalTrafficPolicyIsTakenOver() {
    isLocal = true;
    assertThat(spec().trafficPolicy().external()).isEqualTo(TrafficPolicy.External.Local);
  }

  @ParameterizedTest
  @CsvSource({"VIP, false, 0", "Proxy, true, 0", "proxy, false, 1", "'', false, 0"})
  void theIpModeIsAnAnnotation(String value, boolean isProxy, int findings) {
    annotations.put("xdplb.io/ip-mode", value);
    assertThat(mapped().isProxy()).isEqualTo(isProxy);
    assertThat(map().findings()).hasSize(findings);
  }

  @Test
  void settingsAreThoseOfATemplate() {
    annotations.put("xdplb.io/settings", "edge");
    refusedFor(Reason.SettingsNotFound);
    balancers.put("edge", template(false));
    refusedFor(Reason.SettingsNotFound);
    assertThat(map().findings().get(0).message()).contains("edge is no template");
    balancers.put("edge", template(true));
    LoadBalancerSpec spec = spec();
    assertThat(spec.forwarding().mode()).isEqualTo(Forwarding.Mode.DSR);
    assertThat(spec.drain().gracePeriod()).isEqualTo("90s");
    assertThat(spec.unavailablePolicy()).isEqualTo(UnavailablePolicy.Drop);
    assertThat(spec.access().sourceRanges()).containsExactly("198.51.100.0/24");
    assertThat(spec.addresses().requested()).as("the template's own are not used").isNull();
    assertThat(spec.template()).isNull();
    assertThat(spec.trafficPolicy())
        .isEqualTo(
            new TrafficPolicy(TrafficPolicy.External.Cluster, TrafficPolicy.Prefer.SameZone));
    isLocal = true;
    assertThat(spec().trafficPolicy()).isEqualTo(new TrafficPolicy(TrafficPolicy.External.Local));
    healthCheckNodePort = 30123;
    assertThat(spec().trafficPolicy().healthCheckNodePort()).isEqualTo(30123);
    isLocal = false;
    sourceRanges = List.of("10.0.0.0/8");
    assertThat(spec().access().sourceRanges())
        .as("the Service's own come first")
        .containsExactly("10.0.0.0/8");
  }

  @Test
  void anEmptyTemplateIsOneOfDefaults() {
    annotations.put("xdplb.io/settings", "edge");
    balancers.put(
        "edge", new LoadBalancerSpec(null, null, null, null, null, null, null, true, null));
    LoadBalancerSpec withTemplate = spec();
    annotations.clear();
    assertThat(withTemplate).isEqualTo(spec());
  }

  @Test
  void theCompilerTakesWhatIsMade() {
    families = DUAL;
    policy = IpFamilyPolicy.RequireDualStack;
    annotations.put("xdplb.io/addresses", "203.0.113.10,2001:db8::10");
    ports = List.of(new Port("dns", "UDP", 53), new Port("dns-tcp", "TCP", 53));
    CompileResult.Compiled compiled = compile(spec());
    assertThat(compiled.table().vips())
        .extracting(v -> v.protocol() + " " + v.address() + " " + v.backends().size())
        .containsExactly(
            "TCP 203.0.113.10 1", "UDP 203.0.113.10 1", "TCP 2001:db8::10 0", "UDP 2001:db8::10 0");
  }

  private boolean admits(String source) {
    annotations.putIfAbsent("xdplb.io/addresses", "203.0.113.10");
    return Tables.toVips(compile(spec()).table()).get(0).access().admits(Ip.parse(source));
  }

  private static CompileResult.Compiled compile(LoadBalancerSpec spec) {
    ServiceEndpoints endpoints =
        new ServiceEndpoints.Resolved(
            List.of(new Endpoint("10.0.0.1", 8080, EndpointConditions.ABSENT, null)));
    return (CompileResult.Compiled)
        Compiler.compile(
            new CompileInput(
                new ObjectName("shop", "service-web"),
                spec,
                Compiler.servicePorts(spec).stream()
                    .collect(Collectors.toMap(port -> port, port -> endpoints))));
  }

  private static LoadBalancerSpec template(boolean isTemplate) {
    return new LoadBalancerSpec(
        new Addresses(List.of("203.0.113.77")),
        null,
        new Forwarding(Forwarding.Mode.DSR),
        new Drain("90s"),
        new Access(List.of("198.51.100.0/24")),
        UnavailablePolicy.Drop,
        new TrafficPolicy(TrafficPolicy.External.Local, TrafficPolicy.Prefer.SameZone),
        isTemplate,
        null);
  }

  private ServiceResult map() {
    return ServiceMapping.map(
        new ServiceInput(
            "web",
            annotations,
            ports,
            families,
            policy,
            loadBalancerIp,
            sourceRanges,
            isLocal,
            healthCheckNodePort,
            affinity),
        name -> Optional.ofNullable(balancers.get(name)));
  }

  private ServiceResult.Mapped mapped() {
    ServiceResult result = map();
    assertThat(result).as("%s", result.findings()).isInstanceOf(ServiceResult.Mapped.class);
    return (ServiceResult.Mapped) result;
  }

  private LoadBalancerSpec spec() {
    return mapped().spec();
  }

  private List<Reason> reasons() {
    return map().findings().stream().map(Finding::reason).toList();
  }

  private void refusedFor(Reason reason) {
    assertThat(map()).isInstanceOf(ServiceResult.Refused.class);
    assertThat(reasons().stream().filter(Reason::refuses)).containsOnly(reason);
  }
}
