// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerSpec.PasswordSecretRef;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the BGPPeers, and reads the Secrets that they name. While the API server cannot be
 * reached nothing changes; nothing is said before they are listed.
 */
public final class RouterSource implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(RouterSource.class);

  /** How often the Secrets are read again: an agent may not watch Secrets. */
  private static final long AGAIN_S = 30;

  private static final String DEFAULT_KEY = "password";

  private final KubernetesClient client;
  private final String namespace;
  private final Consumer<List<Router>> listener;
  private final SharedIndexInformer<BGPPeer> informer;
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          run -> {
            Thread reading = new Thread(run, "routers");
            reading.setDaemon(true);
            return reading;
          });

  // Of the thread.
  private final Map<String, BGPPeer> byName = new TreeMap<>();
  private final Map<String, Router> known = new TreeMap<>();
  private boolean listed;
  private List<Router> told;

  /**
   * @param namespace of the Secrets
   * @param listener hears of each change
   */
  public RouterSource(KubernetesClient client, String namespace, Consumer<List<Router>> listener) {
    this.client = client;
    this.namespace = namespace;
    this.listener = listener;
    informer =
        client
            .resources(BGPPeer.class)
            .runnableInformer(0)
            .exceptionHandler(
                (begun, failure) -> {
                  log.warn(
                      "cannot follow BGPPeers, will try again; what is announced stays: {}",
                      failure.getMessage());
                  return true;
                })
            .addEventHandler(this.new Events());
  }

  /** Begins, in the background. */
  public void start() {
    informer.start();
    thread.scheduleWithFixedDelay(this::read, AGAIN_S, AGAIN_S, TimeUnit.SECONDS);
  }

  private void read() {
    if (!listed) {
      return;
    }
    known.keySet().retainAll(byName.keySet());
    List<Router> all = new ArrayList<>();
    byName.forEach((name, peer) -> known.put(name, router(name, peer)));
    all.addAll(known.values());
    if (!all.equals(told)) {
      told = all;
      listener.accept(all);
    }
  }

  private Router router(String name, BGPPeer peer) {
    PasswordSecretRef ref = peer.getSpec().passwordSecretRef();
    if (ref == null) {
      return new Router(name, peer.getSpec(), Optional.empty(), Optional.empty());
    }
    String key = ref.key() == null ? DEFAULT_KEY : ref.key();
    try {
      Secret secret = client.secrets().inNamespace(namespace).withName(ref.name()).get();
      String text = secret == null || secret.getData() == null ? null : secret.getData().get(key);
      return text == null
          ? new Router(
              name,
              peer.getSpec(),
              Optional.empty(),
              Optional.of(
                  "there is no key %s in Secret %s/%s".formatted(key, namespace, ref.name())))
          : new Router(
              name,
              peer.getSpec(),
              Optional.of(new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8)),
              Optional.empty());
    } catch (KubernetesClientException e) {
      Router before = known.get(name);
      return before != null && before.password().isPresent()
          ? new Router(name, peer.getSpec(), before.password(), Optional.empty())
          : new Router(
              name,
              peer.getSpec(),
              Optional.empty(),
              Optional.of(
                  "cannot read Secret %s/%s: %s; name it in the chart's bgp.passwordSecrets"
                      .formatted(namespace, ref.name(), e.getMessage())));
    }
  }

  private void change(Runnable change) {
    thread.execute(
        () -> {
          change.run();
          read();
        });
  }

  @Override
  public void close() {
    informer.stop();
    thread.shutdownNow();
  }

  private final class Events implements ResourceEventHandler<BGPPeer> {
    @Override
    public void onAdd(BGPPeer peer) {
      change(() -> byName.put(peer.getMetadata().getName(), peer));
    }

    @Override
    public void onUpdate(BGPPeer before, BGPPeer now) {
      onAdd(now);
    }

    @Override
    public void onDelete(BGPPeer peer, boolean unknownFinalState) {
      change(() -> byName.remove(peer.getMetadata().getName()));
    }

    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      change(() -> listed = true);
    }
  }
}
