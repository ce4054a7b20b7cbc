// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.Hints;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ServiceEndpointsReaderTest {

  private static final ServicePort DNS_UDP = new ServicePort("dns", Protocol.UDP, 53);
  private static final ServicePort DNS_TCP = new ServicePort("dns", Protocol.TCP, 53);

  /** The same number for both protocols; the absent protocol is TCP. */
  private static final Service DNS =
      new ServiceBuilder()
          .withNewSpec()
          .addNewPort()
          .withName("dns")
          .withPort(53)
          .withProtocol("UDP")
          .endPort()
          .addNewPort()
          .withName("dns-tcp")
          .withPort(53)
          .endPort()
          .endSpec()
          .build();

  @Test
  void noServiceAndNoPortAreTwoThings() {
    assertThat(ServiceEndpointsReader.read(null, List.of(), DNS_UDP))
        .isEqualTo(new ServiceEndpoints.ServiceNotFound());
    assertThat(
            ServiceEndpointsReader.read(DNS, List.of(), new ServicePort("dns", Protocol.UDP, 54)))
        .isEqualTo(new ServiceEndpoints.PortNotFound());
    assertThat(ServiceEndpointsReader.read(DNS, List.of(), DNS_UDP))
        .isEqualTo(new ServiceEndpoints.Resolved(List.of()));
  }

  @Test
  void aServiceWithoutPortsHasNoPort() {
    assertThat(
            ServiceEndpointsReader.read(
                new ServiceBuilder().withNewSpec().endSpec().build(), List.of(), DNS_UDP))
        .isEqualTo(new ServiceEndpoints.PortNotFound());
    assertThat(ServiceEndpointsReader.read(new Service(), List.of(), DNS_UDP))
        .isEqualTo(new ServiceEndpoints.PortNotFound());
  }

  @Test
  void thePortIsFoundByNumberAndProtocolAndItsEndpointsByItsName() {
    EndpointSlice slice =
        slice("IPv4")
            .addNewPort()
            .withName("dns")
            .withPort(5353)
            .withProtocol("UDP")
            .endPort()
            .addNewPort()
            .withName("dns-tcp")
            .withPort(5354)
            .endPort()
            .addNewEndpoint()
            .withAddresses("198.51.100.1")
            .withNodeName("node-1")
            .endEndpoint()
            .build();
    assertThat(ServiceEndpointsReader.read(DNS, List.of(slice), DNS_UDP))
        .isEqualTo(resolved(endpoint("198.51.100.1", 5353, "node-1")));
    assertThat(ServiceEndpointsReader.read(DNS, List.of(slice), DNS_TCP))
        .isEqualTo(resolved(endpoint("198.51.100.1", 5354, "node-1")));
  }

  @Test
  void aPortOfTheSameNameAndAnotherProtocolIsAnotherPort() {
    EndpointSlice slice =
        slice("IPv4")
            .addNewPort()
            .withName("dns")
            .withPort(5353)
            .withProtocol("TCP")
            .endPort()
            .addNewEndpoint()
            .withAddresses("198.51.100.1")
            .endEndpoint()
            .build();
    assertThat(ServiceEndpointsReader.read(DNS, List.of(slice), DNS_UDP)).isEqualTo(resolved());
  }

  @Test
  void anUnnamedPortIsFoundWhetherItsNameIsAbsentOrEmpty() {
    Service service =
        new ServiceBuilder().withNewSpec().addNewPort().withPort(80).endPort().endSpec().build();
    for (String name : new String[] {null, ""}) {
      EndpointSlice slice =
          slice("IPv4")
              .addNewPort()
              .withName(name)
              .withPort(8080)
              .endPort()
              .addNewEndpoint()
              .withAddresses("198.51.100.1")
              .endEndpoint()
              .build();
      assertThat(
              ServiceEndpointsReader.read(
                  service, List.of(slice), new ServicePort("web", Protocol.TCP, 80)))
          .isEqualTo(resolved(endpoint("198.51.100.1", 8080, null)));
    }
  }

  @Test
  void namesInsteadOfAddressesAreLeftOutAndOfSeveralAddressesTheFirstCounts() {
    EndpointSlice names =
        slice("FQDN")
            .addNewPort()
            .withName("dns")
            .withPort(53)
            .withProtocol("UDP")
            .endPort()
            .addNewEndpoint()
            .withAddresses("dns.example.com")
            .endEndpoint()
            .build();
    EndpointSlice several =
        slice("IPv6")
            .addNewPort()
            .withName("dns")
            .withPort(53)
            .withProtocol("UDP")
            .endPort()
            .addNewEndpoint()
            .withAddresses("2001:db8::1", "2001:db8::2")
            .endEndpoint()
            .addNewEndpoint()
            .endEndpoint()
            .build();
    assertThat(ServiceEndpointsReader.read(DNS, List.of(names, several), DNS_UDP))
        .isEqualTo(resolved(endpoint("2001:db8::1", 53, null)));
  }

  @Test
  void conditionsAreHandedOnAsTheyAreAbsentOnesAsAbsent() {
    EndpointSlice slice =
        slice("IPv4")
            .addNewPort()
            .withName("dns")
            .withPort(53)
            .withProtocol("UDP")
            .endPort()
            .addNewEndpoint()
            .withAddresses("198.51.100.1")
            .withNewConditions(false, null, true)
            .endEndpoint()
            .build();
    assertThat(ServiceEndpointsReader.read(DNS, List.of(slice), DNS_UDP))
        .isEqualTo(
            resolved(
                new Endpoint("198.51.100.1", 53, new EndpointConditions(false, null, true), null)));
  }

  @Test
  void hintsAreHandedOnAndTheirNodesAreThoseOfTheSlice() {
    EndpointSlice slice =
        slice("IPv4")
            .addNewPort()
            .withName("dns")
            .withPort(53)
            .withProtocol("UDP")
            .endPort()
            .addNewEndpoint()
            .withAddresses("198.51.100.1")
            .withNodeName("n")
            .withNewHints()
            .addNewForNode("m")
            .addNewForZone("eu-1")
            .addNewForZone("eu-2")
            .endHints()
            .endEndpoint()
            .build();
    assertThat(ServiceEndpointsReader.read(DNS, List.of(slice), DNS_UDP))
        .isEqualTo(
            resolved(
                new Endpoint(
                    "198.51.100.1",
                    53,
                    EndpointConditions.ABSENT,
                    "n",
                    new Hints(Set.of("m"), Set.of("eu-1", "eu-2")))));
    assertThat(ServiceEndpointsReader.nodesOf(slice)).containsExactly("n", "m");
  }

  @Test
  void aSliceBelongsToTheServiceThatItsLabelNames() {
    EndpointSlice slice = slice("IPv4").build();
    assertThat(ServiceEndpointsReader.serviceOf(slice)).contains(new ObjectName("edge", "dns"));
    slice.getMetadata().setLabels(Map.of());
    assertThat(ServiceEndpointsReader.serviceOf(slice)).isEmpty();
    slice.getMetadata().setLabels(null);
    assertThat(ServiceEndpointsReader.serviceOf(slice)).isEmpty();
  }

  private static EndpointSliceBuilder slice(String family) {
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace("edge")
        .withName("dns-x")
        .withLabels(Map.of(ServiceEndpointsReader.SERVICE_NAME, "dns"))
        .endMetadata()
        .withAddressType(family);
  }

  private static Endpoint endpoint(String address, int port, String node) {
    return new Endpoint(address, port, EndpointConditions.ABSENT, node);
  }

  private static ServiceEndpoints resolved(Endpoint... endpoints) {
    return new ServiceEndpoints.Resolved(List.of(endpoints));
  }
}
