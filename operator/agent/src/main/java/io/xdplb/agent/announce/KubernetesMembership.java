// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.MembershipStatus;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.announce.WitnessVote;
import java.util.Base64;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The cluster's Membership object. */
public final class KubernetesMembership implements MembershipService {

  private static final Logger log = LoggerFactory.getLogger(KubernetesMembership.class);
  private static final long AGAIN_MS = 1000;

  /** The Secret that the operator makes, and the key in it. */
  private static final String SECRET = "xdplb-announcing";

  private static final String KEY = "key";

  private final KubernetesClient client;
  private final String namespace;
  private final SharedIndexInformer<io.xdplb.api.v1alpha1.Membership> informer;
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          run -> {
            Thread asking = new Thread(run, "membership");
            asking.setDaemon(true);
            return asking;
          });
  private Consumer<byte[]> keys;
  private Consumer<Membership> memberships;
  private Consumer<WitnessVote> votes;
  private volatile boolean answered;
  private boolean failed;
  private String noKeyBecause;

  /**
   * @param client the caller closes it after this
   * @param namespace of the Secret with the key
   */
  public KubernetesMembership(KubernetesClient client, String namespace) {
    this.client = client;
    this.namespace = namespace;
    informer =
        client
            .resources(io.xdplb.api.v1alpha1.Membership.class)
            .withName(io.xdplb.api.v1alpha1.Membership.NAME)
            .runnableInformer(0)
            .exceptionHandler(
                (begun, failure) -> {
                  log.debug("cannot follow the Membership, will try again", failure);
                  return true;
                })
            .addEventHandler(this.new Events());
  }

  @Override
  public void start(
      Consumer<byte[]> keys, Consumer<Membership> memberships, Consumer<WitnessVote> votes) {
    this.keys = keys;
    this.memberships = memberships;
    this.votes = votes;
    thread.execute(this::first);
    thread.execute(this::key);
  }

  @Override
  public boolean isAnswered() {
    return answered;
  }

  /** An informer may begin with what is long past, a request without a version never does. */
  private void first() {
    try {
      take(get());
      answered = true;
      informer.start();
    } catch (KubernetesClientException e) {
      if (!failed) {
        log.warn("cannot read the Membership, will try again: {}", e.getMessage());
        failed = true;
      }
      later(this::first);
    }
  }

  private void key() {
    try {
      Secret secret = client.secrets().inNamespace(namespace).withName(SECRET).get();
      String text = secret == null || secret.getData() == null ? null : secret.getData().get(KEY);
      byte[] key = text == null ? new byte[0] : Base64.getDecoder().decode(text);
      if (key.length == SipHash.KEY_BYTES) {
        keys.accept(key);
        return;
      }
      logOnce(
          text == null
              ? "is not there yet: the operator makes it"
              : KEY
                  + " has "
                  + key.length
                  + " bytes instead of 16: delete it, and the operator makes"
                  + " another one");
    } catch (KubernetesClientException | IllegalArgumentException e) {
      logOnce(e.getMessage());
    }
    later(this::key);
  }

  private void logOnce(String why) {
    if (!why.equals(noKeyBecause)) {
      log.warn(
          "no key from Secret {}/{}, without which this node has no vote on addresses; will try"
              + " again: {}",
          namespace,
          SECRET,
          why);
      noKeyBecause = why;
    }
  }

  @Override
  public void ask(WitnessVote next) {
    run(() -> replace(next));
  }

  private void replace(WitnessVote next) {
    try {
      io.xdplb.api.v1alpha1.Membership found = get();
      if (found == null) {
        return;
      }
      if (vote(found).number() == next.number() - 1) {
        found.setStatus(
            new MembershipStatus(next.number(), next.holder(), next.epoch(), next.writer()));
        found = client.resource(found).updateStatus(); // by the version that was read
      }
      votes.accept(vote(found));
    } catch (KubernetesClientException e) {
      log.debug("the witness' vote was not replaced", e);
    }
  }

  private io.xdplb.api.v1alpha1.Membership get() {
    return client
        .resources(io.xdplb.api.v1alpha1.Membership.class)
        .withName(io.xdplb.api.v1alpha1.Membership.NAME)
        .get();
  }

  private void take(io.xdplb.api.v1alpha1.Membership object) {
    if (object != null && object.getSpec() != null) {
      memberships.accept(Membership.of(object.getSpec()));
      votes.accept(vote(object));
    }
  }

  private static WitnessVote vote(io.xdplb.api.v1alpha1.Membership object) {
    MembershipStatus status = object.getStatus();
    return status == null
        ? WitnessVote.NEVER_WRITTEN
        : new WitnessVote(status.number(), status.holder(), status.epoch(), status.writer());
  }

  private void run(Runnable work) {
    try {
      thread.execute(work);
    } catch (RejectedExecutionException e) {
      log.debug("stopped");
    }
  }

  private void later(Runnable work) {
    try {
      thread.schedule(work, AGAIN_MS, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.debug("stopped");
    }
  }

  @Override
  public void close() {
    informer.stop();
    thread.shutdownNow();
  }

  private final class Events implements ResourceEventHandler<io.xdplb.api.v1alpha1.Membership> {
    @Override
    public void onAdd(io.xdplb.api.v1alpha1.Membership object) {
      take(object);
    }

    @Override
    public void onUpdate(
        io.xdplb.api.v1alpha1.Membership before, io.xdplb.api.v1alpha1.Membership now) {
      take(now);
    }

    @Override
    public void onDelete(io.xdplb.api.v1alpha1.Membership object, boolean unknownFinalState) {
      log.warn("the Membership was deleted; the one that is known stays in force");
    }
  }
}
