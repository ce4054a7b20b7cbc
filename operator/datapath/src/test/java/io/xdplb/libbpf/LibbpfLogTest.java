// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.xdplb.testing.kernel.RequiresBpf;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

@RequiresBpf
class LibbpfLogTest {

  @Test
  void whatLibbpfPrintsGoesToTheLogWithItsArguments() {
    Logger logger = (Logger) LoggerFactory.getLogger("io.xdplb.libbpf");
    ListAppender<ILoggingEvent> appender = new ListAppender<>();
    appender.start();
    logger.addAppender(appender);
    logger.setAdditive(false);
    logger.setLevel(Level.DEBUG);
    try {
      TestObjects.load("maps").close();
      // The callback must outlive a collection: libbpf holds only its address.
      System.gc();
      TestObjects.load("maps").close();
    } finally {
      logger.setLevel(null);
      logger.setAdditive(true);
      logger.detachAppender(appender);
    }
    assertThat(appender.list.stream().map(ILoggingEvent::getFormattedMessage).toList())
        .filteredOn(message -> message.contains("map 'ring': found max_entries = 65537."))
        .hasSize(2);
  }
}
