// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult.Compiled;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Tables as the operator compiles them. */
final class TestTables {

  private TestTables() {}

  static ObjectName name(String name) {
    return new ObjectName("default", name);
  }

  static VipKey vip(String address) {
    return new VipKey(Ip.parse(address), Protocol.TCP, 80);
  }

  static String address(int number) {
    return "203.0." + (113 + number / 250) + "." + (1 + number % 250);
  }

  /** One TCP listener on port 80, of a Service with so many pods; the first one has this number. */
  static ForwardingTableSpec pods(String address, int first, int count) {
    ServicePort port = new ServicePort("web", Protocol.TCP, 80);
    return ((Compiled)
            Compiler.compile(
                new CompileInput(
                    name("any"),
                    new LoadBalancerSpec(
                        new Addresses(List.of(address)),
                        List.of(
                            new Listener(
                                "http",
                                Protocol.TCP,
                                80,
                                List.of(new Backend(new ServiceRef("web", 80), null, 1)))),
                        null,
                        null),
                    Map.of(
                        port,
                        new ServiceEndpoints.Resolved(
                            IntStream.range(0, count)
                                .map(i -> i == 0 ? first : 1000 + i)
                                .mapToObj(i -> "10.0." + i / 250 + "." + i % 250)
                                .map(ip -> new Endpoint(ip, 80, EndpointConditions.ABSENT, null))
                                .toList())))))
        .table();
  }

  /** One TCP listener on port 80. */
  static ForwardingTableSpec table(String address, int backends) {
    return table(address, backends, "5m");
  }

  static ForwardingTableSpec table(String address, int backends, String gracePeriod) {
    List<String> addresses =
        IntStream.rangeClosed(1, backends).mapToObj(i -> "198.51.100." + i).toList();
    LoadBalancerSpec spec =
        new LoadBalancerSpec(
            new Addresses(List.of(address)),
            List.of(
                new Listener(
                    "http",
                    Protocol.TCP,
                    80,
                    List.of(new Backend(null, new StaticBackends(addresses, 8080), null)))),
            null,
            new Drain(gracePeriod));
    return compiled(spec);
  }

  /** A TCP listener on a port or a range, with two backends. */
  static Listener listener(int first, int last) {
    return new Listener(
        "p" + first + "-" + last,
        Protocol.TCP,
        first,
        last,
        null,
        List.of(
            new Backend(
                null, new StaticBackends(List.of("198.51.100.1", "198.51.100.2"), first), null)));
  }

  static ForwardingTableSpec compiled(
      String address,
      List<Listener> listeners,
      LoadBalancerSpec.Access access,
      UnavailablePolicy policy) {
    return compiled(
        new LoadBalancerSpec(
            new Addresses(List.of(address)), listeners, null, null, access, policy));
  }

  private static ForwardingTableSpec compiled(LoadBalancerSpec spec) {
    return ((Compiled) Compiler.compile(new CompileInput(name("any"), spec, Map.of()))).table();
  }
}
