// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.core.ipam.Pool;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.model.IpRange;
import io.xdplb.core.policy.Policy;
import io.xdplb.core.policy.PolicyReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the AnnouncementPolicies, and the AddressPools that they name. While the API server
 * cannot be reached nothing changes; nothing is said before both are listed.
 */
public final class PolicySource implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(PolicySource.class);

  private final SharedIndexInformer<AnnouncementPolicy> policies;
  private final SharedIndexInformer<AddressPool> pools;
  private final Consumer<List<Policy>> listener;

  // Guarded by this:
  private final Set<Class<?>> listed = new HashSet<>();
  private final Map<String, AnnouncementPolicy> byName = new HashMap<>();
  private final Map<String, AddressPoolSpec> poolsByName = new HashMap<>();
  private List<Policy> told;

  /**
   * @param listener hears of each change
   */
  public PolicySource(KubernetesClient client, Consumer<List<Policy>> listener) {
    this.listener = listener;
    policies =
        informer(
            client,
            AnnouncementPolicy.class,
            policy -> byName.put(policy.getMetadata().getName(), policy),
            byName::remove);
    pools =
        informer(
            client,
            AddressPool.class,
            pool -> poolsByName.put(pool.getMetadata().getName(), pool.getSpec()),
            poolsByName::remove);
  }

  private <T extends HasMetadata> SharedIndexInformer<T> informer(
      KubernetesClient client, Class<T> kind, Consumer<T> put, Consumer<String> remove) {
    return client
        .resources(kind)
        .runnableInformer(0)
        .exceptionHandler(
            (begun, failure) -> {
              log.warn(
                  "cannot follow {} objects, will try again; what is announced stays: {}",
                  kind.getSimpleName(),
                  failure.getMessage());
              return true;
            })
        .addEventHandler(
            new ResourceEventHandler<T>() {
              @Override
              public void onAdd(T object) {
                change(() -> put.accept(object));
              }

              @Override
              public void onUpdate(T before, T now) {
                onAdd(now);
              }

              @Override
              public void onDelete(T object, boolean unknownFinalState) {
                change(() -> remove.accept(object.getMetadata().getName()));
              }

              @Override
              public void onList(String resourceVersion, boolean remainedEmpty) {
                change(() -> listed.add(kind));
              }
            });
  }

  /** Begins, in the background. */
  public void start() {
    policies.start();
    pools.start();
  }

  private synchronized void change(Runnable change) {
    change.run();
    if (listed.size() < 2) {
      return;
    }
    List<Policy> all = new ArrayList<>();
    for (AnnouncementPolicy policy : byName.values()) {
      String name = policy.getMetadata().getName();
      PolicyReader.Result result = PolicyReader.read(name, policy.getSpec(), this::blocks);
      result.policy().ifPresent(all::add);
      result
          .problems()
          .forEach(problem -> log.warn("AnnouncementPolicy {} is not followed: {}", name, problem));
    }
    if (!all.equals(told)) {
      told = all;
      listener.accept(all);
    }
  }

  private Optional<List<IpRange>> blocks(String pool) {
    return Optional.ofNullable(poolsByName.get(pool))
        .flatMap(spec -> PoolReader.read(pool, Instant.EPOCH, spec).pool())
        .map(Pool::blocks);
  }

  @Override
  public void close() {
    policies.stop();
    pools.stop();
  }
}
