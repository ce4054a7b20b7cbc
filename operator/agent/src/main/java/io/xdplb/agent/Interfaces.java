// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.Attachment.Mode;
import io.xdplb.datapath.DatapathException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the programs on the interfaces that should have them. */
final class Interfaces {

  private static final Logger log = LoggerFactory.getLogger(Interfaces.class);

  /** After how many checks an egress that was refused is tried again. */
  private static final int EGRESS_AGAIN = 10;

  private final NodeDatapath datapath;
  private final List<String> names;
  private final Map<String, Attachment> last = new HashMap<>();
  private int checks;

  Interfaces(NodeDatapath datapath, List<String> names) {
    this.datapath = datapath;
    this.names = names.stream().distinct().sorted().toList();
  }

  /** Attaches all of them, whatever is there: a new program replaces that of a former agent. */
  void attachAll() {
    names.forEach(this::attach);
  }

  /**
   * Asks the kernel, and attaches again where a program is gone.
   *
   * @return whether anything is different from the last time
   */
  boolean check() {
    Map<String, Attachment> before = Map.copyOf(last);
    Map<String, Attachment> now =
        datapath.attachments().stream()
            .collect(Collectors.toMap(Attachment::interfaceName, Function.identity()));
    checks++;
    for (String name : names) {
      Attachment attachment = now.get(name);
      if (attachment == null || !attachment.attached()) {
        attach(name);
      } else if (attachment.egress() != null) {
        note(attachment);
      } else if (attachment.egressMessage() != null || checks % EGRESS_AGAIN == 0) {
        attach(name);
      } // else it was refused lately, and the kernel does not remember why
    }
    return !before.equals(last);
  }

  /** The last known state of each, ordered by name. */
  List<Attachment> state() {
    List<Attachment> state = new ArrayList<>();
    names.forEach(name -> state.add(last.get(name)));
    return state;
  }

  private void attach(String name) {
    try {
      note(datapath.attach(name));
    } catch (DatapathException e) {
      note(new Attachment(name, Mode.NONE, e.reason().name(), e.getMessage()));
    } catch (RuntimeException e) {
      note(new Attachment(name, Mode.NONE, "Failed", e.getMessage()));
    }
  }

  private void note(Attachment attachment) {
    if (attachment.equals(last.put(attachment.interfaceName(), attachment))) {
      return;
    }
    String why = attachment.message() == null ? "" : ": " + attachment.message();
    switch (attachment.mode()) {
      case NATIVE -> log.info("{}: attached in native mode{}", attachment.interfaceName(), why);
      case GENERIC -> log.warn("{}: attached in generic mode{}", attachment.interfaceName(), why);
      case NONE -> log.error("{}: not attached{}", attachment.interfaceName(), why);
    }
    if (attachment.attached() && attachment.egress() == null) {
      log.error(
          "{}: no egress program, so answers of DSR endpoints on this node do not reach their"
              + " clients: {}",
          attachment.interfaceName(),
          attachment.egressMessage());
    } else if (attachment.attached() && attachment.egressMessage() != null) {
      log.info("{}: egress by clsact: {}", attachment.interfaceName(), attachment.egressMessage());
    }
  }
}
