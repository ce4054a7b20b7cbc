// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.MicroTime;
import io.fabric8.kubernetes.api.model.events.v1.Event;
import io.fabric8.kubernetes.api.model.events.v1.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Writes Events (events.k8s.io/v1) about LoadBalancers, Services, AddressPools,
 * AnnouncementPolicies and BGPPeers, in the background: a table never waits for one. Events are a
 * courtesy; when the API server cannot take them they are logged and given up.
 */
final class EventWriter implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(EventWriter.class);
  private static final DateTimeFormatter MICROS =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

  /** Bounds of events.k8s.io/v1 validation. */
  private static final int NOTE_LENGTH = 1024;

  private static final int INSTANCE_LENGTH = 128;
  private static final int QUEUE = 4096;
  private static final long CLOSE_SECONDS = 2;

  private final KubernetesClient client;
  private final String instance;
  private final Clock clock;
  private final ThreadPoolExecutor worker =
      new ThreadPoolExecutor(
          1,
          1,
          0,
          TimeUnit.SECONDS,
          new ArrayBlockingQueue<>(QUEUE),
          task -> {
            Thread thread = new Thread(task, "xdplb-events");
            thread.setDaemon(true);
            return thread;
          },
          (task, executor) -> log.warn("an Event was given up: {} wait already", QUEUE));

  /**
   * @param instance which operator this is, as the name of its pod
   */
  EventWriter(KubernetesClient client, String instance, Clock clock) {
    this.client = client;
    this.instance = Verdict.shortened(instance, INSTANCE_LENGTH);
    this.clock = clock;
  }

  void write(HasMetadata about, List<Notice> notices) {
    for (Notice notice : notices) {
      log.atLevel(notice.isWarning() ? Level.WARN : Level.INFO)
          .addKeyValue(about.getKind().toLowerCase(Locale.ROOT), name(about))
          .addKeyValue("reason", notice.reason())
          .log(notice.note());
      Event event = event(about, notice);
      worker.execute(() -> create(event));
    }
  }

  /** Writes what is waiting, for a moment at most. */
  @Override
  public void close() {
    worker.shutdown();
    try {
      if (!worker.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        worker.shutdownNow();
      }
    } catch (InterruptedException e) {
      worker.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  private void create(Event event) {
    try {
      client.resource(event).create();
    } catch (RuntimeException e) {
      log.atWarn()
          .addKeyValue("about", event.getRegarding().getName())
          .addKeyValue("reason", event.getReason())
          .log("cannot write an Event: {}", e.getMessage());
    }
  }

  private static String name(HasMetadata about) {
    String namespace = about.getMetadata().getNamespace();
    return (namespace == null ? "" : namespace + "/") + about.getMetadata().getName();
  }

  private Event event(HasMetadata about, Notice notice) {
    // Where Events about objects without a namespace are looked for.
    String namespace =
        about.getMetadata().getNamespace() == null ? "default" : about.getMetadata().getNamespace();
    return new EventBuilder()
        .withNewMetadata()
        .withGenerateName(about.getMetadata().getName() + "-")
        .withNamespace(namespace)
        .endMetadata()
        .withEventTime(new MicroTime(MICROS.format(clock.instant())))
        .withReportingController("xdplb.io/operator")
        .withReportingInstance(instance)
        .withAction("Reconcile")
        .withType(notice.isWarning() ? "Warning" : "Normal")
        .withReason(notice.reason())
        .withNote(Verdict.shortened(notice.note(), NOTE_LENGTH))
        .withNewRegarding()
        .withApiVersion(about.getApiVersion())
        .withKind(about.getKind())
        .withNamespace(about.getMetadata().getNamespace())
        .withName(about.getMetadata().getName())
        .withUid(about.getMetadata().getUid())
        .endRegarding()
        .build();
  }
}
