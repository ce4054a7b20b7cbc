// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.TableHash;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * From what a user asks for, and the endpoints that are there, to what an agent programs. The same
 * input gives the same table, in whatever order it comes.
 */
public final class Compiler {

  private final CompileInput input;
  private final List<Problem> problems = new ArrayList<>();

  private Compiler(CompileInput input) {
    this.input = input;
  }

  /**
   * The Service ports whose endpoints are needed to compile a spec, in its order. References that
   * are not complete are left out: such a spec will be refused.
   */
  public static Set<ServicePort> servicePorts(LoadBalancerSpec spec) {
    Set<ServicePort> ports = new LinkedHashSet<>();
    if (spec == null || spec.listeners() == null) {
      return ports;
    }
    for (LoadBalancerSpec.Listener listener : spec.listeners()) {
      if (listener == null || listener.protocol() == null || listener.backends() == null) {
        continue;
      }
      for (LoadBalancerSpec.Backend backend : listener.backends()) {
        if (backend != null
            && backend.serviceRef() != null
            && backend.serviceRef().name() != null) {
          ports.add(ListenerRules.servicePort(listener, backend.serviceRef()));
        }
      }
    }
    return ports;
  }

  /** Whether a spec is valid, whatever addresses and endpoints there are. */
  public static boolean isValid(ObjectName name, LoadBalancerSpec spec) {
    return SpecValidator.validate(new CompileInput(name, spec, Map.of()), new ArrayList<>())
        .isPresent();
  }

  /**
   * Compiles a LoadBalancer. Never throws for anything that a user may write: what is wrong is in
   * the result, all of it.
   */
  public static CompileResult compile(CompileInput input) {
    return new Compiler(input).run();
  }

  private CompileResult run() {
    Optional<ValidSpec> spec = SpecValidator.validate(input, problems);
    if (spec.isEmpty()) {
      return new CompileResult.Refused(problems);
    }
    EndpointResolver resolver = new EndpointResolver(input, spec.get(), problems);
    List<ResolvedListener> listeners = resolver.resolve();
    if (!resolver.unknown().isEmpty()) {
      return new CompileResult.Incomplete(resolver.unknown(), problems);
    }
    SortedMap<VipKey, ForwardingTableSpec.Vip> specs = new TreeMap<>();
    List<Vip> vips = new ArrayList<>();
    List<ListenerForwarding> forwarding = new ArrayList<>();
    int readyEndpoints = 0;
    for (ResolvedListener listener : listeners) {
      List<Reach> reaches = new ArrayList<>();
      for (boolean isIpv4 : new boolean[] {true, false}) {
        List<Ip> addresses =
            spec.get().addresses().stream().filter(ip -> ip.isIpv4() == isIpv4).toList();
        if (addresses.isEmpty()) {
          continue;
        }
        List<Backend> backends = listener.backends(isIpv4);
        reaches.addAll(listener.reaches(isIpv4).values());
        readyEndpoints += check(listener, isIpv4, backends, spec.get().access().unavailable());
        int ringSize = ResolvedListener.ringSize(backends);
        for (Ip address : addresses) {
          Vip vip =
              new Vip(
                  listener.spec().vip(address),
                  ringSize,
                  listener.spec().affinitySeconds(),
                  spec.get().access(),
                  backends);
          vips.add(vip);
          specs.put(vip.key(), TableWriter.spec(vip, listener.spec().name()));
        }
      }
      ForwardingReport.of(listener.spec().name(), reaches).ifPresent(forwarding::add);
    }
    ForwardingTableSpec table =
        TableWriter.table(
            TableHash.desired(vips),
            spec.get().access(),
            HealthChecks.of(spec.get(), listeners).orElse(null),
            specs.values());
    int backends = vips.stream().mapToInt(vip -> vip.backends().size()).sum();
    if (backends > Limits.TABLE_BACKENDS) {
      problems.add(
          new Problem(
              Reason.InvalidSpec,
              "spec",
              "addresses times listeners times endpoints make "
                  + backends
                  + " backends, and one LoadBalancer has at most "
                  + Limits.TABLE_BACKENDS
                  + ", as many as a node has room for; split it over several LoadBalancers"));
    }
    if (problems.stream().anyMatch(problem -> problem.reason() == Reason.InvalidSpec)) {
      return new CompileResult.Refused(problems);
    }
    return new CompileResult.Compiled(table, readyEndpoints, forwarding, problems);
  }

  /** How many of the backends take new flows. */
  private int check(
      ResolvedListener listener,
      boolean isIpv4,
      List<Backend> backends,
      UnavailablePolicy unavailable) {
    int takers = (int) backends.stream().filter(Backend::takes).count();
    if (takers == 0) {
      problems.add(
          new Problem(
              Reason.NoEndpoints,
              listener.spec().where(),
              "new connections to the "
                  + ResolvedListener.family(isIpv4)
                  + " addresses of listener "
                  + listener.spec().name()
                  + (unavailable == UnavailablePolicy.DROP ? " are dropped: " : " are rejected: ")
                  + listener.whyNoneTakes(isIpv4)));
    }
    if (backends.size() > Limits.VIP_BACKENDS) {
      problems.add(
          new Problem(
              Reason.InvalidSpec,
              listener.spec().where() + ".backends",
              "has "
                  + backends.size()
                  + " endpoints, and a listener has at most "
                  + Limits.VIP_BACKENDS
                  + "; split it over several LoadBalancers"));
    }
    return takers;
  }
}
