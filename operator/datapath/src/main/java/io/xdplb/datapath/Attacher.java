// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.datapath.DatapathConfig.AttachPreference;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.KernelException;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.Xdp;
import io.xdplb.libbpf.XdpLink;
import io.xdplb.libbpf.XdpMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The programs on their interfaces, by links that are pinned under the interface's name: traffic
 * goes on while no agent runs, and the next agent swaps each program in one step. A link holds on
 * to its interface, not to the name: when the interface is renamed, its pins follow with the next
 * attach.
 *
 * <p>Of the two programs the XDP program comes first and goes last, so that its pin tells all
 * interfaces there are.
 */
final class Attacher {
  private final InterfacePins links;
  private final EgressAttacher egress;

  /**
   * A pinned link.
   *
   * @param pinName the name that the interface had when it was pinned
   * @param interfaceName the name that the interface has; the same, if it is gone or the link is
   *     detached
   * @param ifindex the interface of that name; 0 if there is none
   * @param mode empty if the link is detached
   */
  private record Pinned(
      String pinName, String interfaceName, int ifindex, Optional<XdpMode> mode) {}

  Attacher(Path pinPath) {
    this(pinPath, new EgressAttacher(pinPath));
  }

  Attacher(Path pinPath, EgressAttacher egress) {
    links = new InterfacePins(pinPath.resolve("links"));
    this.egress = egress;
  }

  /**
   * Attaches both programs, or swaps those that a former agent has left attached. The egress
   * program is attached only where the XDP program is.
   *
   * @param egressProgram empty if there is to be none: one that is there is taken off
   */
  Attachment attach(
      BpfProgram program,
      Optional<BpfProgram> egressProgram,
      String interfaceName,
      AttachPreference preference) {
    int ifindex;
    try {
      ifindex = Interfaces.index(interfaceName);
    } catch (KernelException e) {
      return none(interfaceName, "NoInterface", e.getMessage());
    }
    followRenames();
    Attachment attachment = attachXdp(program, interfaceName, ifindex, preference);
    if (!attachment.attached()) {
      return attachment;
    }
    if (egressProgram.isEmpty()) {
      egress.detach(interfaceName, ifindex);
      return attachment;
    }
    var state = egress.attach(egressProgram.get(), interfaceName, ifindex);
    return attachment.withEgress(state.way(), state.message());
  }

  private Attachment attachXdp(
      BpfProgram program, String interfaceName, int ifindex, AttachPreference preference) {
    Pinned there = pinned().get(interfaceName);
    if (there != null) {
      if (there.mode().isPresent()) {
        try (XdpLink link = XdpLink.openPinned(links.of(interfaceName))) {
          link.update(program);
        }
        return xdp(interfaceName, there.mode().get());
      }
      remove(there); // of an interface that has gone, or detached by somebody
    }
    List<Xdp.Attachment> foreign = Xdp.query(ifindex);
    if (!foreign.isEmpty()) {
      return conflict(interfaceName, foreign.get(0).programId());
    }
    links.makeFolder();
    return create(program, interfaceName, ifindex, preference);
  }

  private Attachment create(
      BpfProgram program, String interfaceName, int ifindex, AttachPreference preference) {
    LibbpfException notNative = null;
    if (preference != AttachPreference.GENERIC) {
      try (XdpLink link = XdpLink.attach(program, ifindex, XdpMode.NATIVE)) {
        link.pin(links.of(interfaceName));
        return xdp(interfaceName, XdpMode.NATIVE);
      } catch (LibbpfException e) {
        notNative = e;
      }
    }
    if (preference != AttachPreference.NATIVE) {
      try (XdpLink link = XdpLink.attach(program, ifindex, XdpMode.GENERIC)) {
        link.pin(links.of(interfaceName));
        return notNative == null
            ? xdp(interfaceName, XdpMode.GENERIC)
            : new Attachment(
                interfaceName, Attachment.Mode.GENERIC, "NoNativeMode", notNative.getMessage());
      } catch (LibbpfException e) {
        return refused(interfaceName, e);
      }
    }
    return refused(interfaceName, notNative);
  }

  private static Attachment xdp(String interfaceName, XdpMode mode) {
    return new Attachment(
        interfaceName,
        mode == XdpMode.GENERIC ? Attachment.Mode.GENERIC : Attachment.Mode.NATIVE,
        null,
        null);
  }

  private static Attachment refused(String interfaceName, LibbpfException e) {
    String reason = e.errno() == Errno.EBUSY ? "XdpConflict" : "AttachRefused";
    return none(interfaceName, reason, e.getMessage());
  }

  private static Attachment none(String interfaceName, String reason, String message) {
    return new Attachment(interfaceName, Attachment.Mode.NONE, reason, message);
  }

  private static Attachment conflict(String interfaceName, int programId) {
    return none(
        interfaceName,
        "XdpConflict",
        ("another XDP program (id %d) is on %s and is not replaced; `bpftool prog show id %d` tells"
                + " whose it is, `ip link set dev %s xdp off` removes it unless a link holds it")
            .formatted(programId, interfaceName, programId, interfaceName));
  }

  /** What is on the interfaces now, as the kernel says, in the order of their names. */
  List<Attachment> attachments() {
    return pinned().values().stream().map(this::attachment).toList();
  }

  private Attachment attachment(Pinned pinned) {
    String name = pinned.interfaceName();
    Attachment attachment =
        pinned
            .mode()
            .map(mode -> xdp(name, mode))
            .orElseGet(
                () ->
                    none(
                        name,
                        "Detached",
                        "somebody has detached the program from "
                            + name
                            + ", or the interface has gone"));
    var state = egress.state(pinned.pinName(), pinned.ifindex());
    return attachment.withEgress(state.way(), state.message());
  }

  /** Takes the programs off an interface. Does nothing where they are not. */
  void detach(String interfaceName) {
    Pinned pinned = pinned().get(interfaceName);
    if (pinned != null) {
      remove(pinned);
    }
  }

  private void remove(Pinned pinned) {
    egress.detach(pinned.pinName(), pinned.ifindex());
    try (XdpLink link = XdpLink.openPinned(links.of(pinned.pinName()))) {
      if (link.info().ifindex() != 0) {
        link.detach();
      }
    }
    links.remove(pinned.pinName());
  }

  /** The interfaces that have a pinned link, in the order of their names. */
  List<String> interfaces() {
    return List.copyOf(pinned().keySet());
  }

  /** The pinned links by the names that their interfaces have now. */
  private Map<String, Pinned> pinned() {
    Map<String, Pinned> byName = new TreeMap<>();
    for (String pinName : links.names()) {
      try {
        Pinned pinned = read(pinName);
        // the name of an interface that has gone may be another's by now
        byName.merge(pinned.interfaceName(), pinned, (a, b) -> a.mode().isPresent() ? a : b);
      } catch (LibbpfException e) {
        if (e.errno() != Errno.ENOENT) {
          throw e;
        } // else an agent has just removed the pin
      }
    }
    return byName;
  }

  private Pinned read(String pinName) {
    try (XdpLink link = XdpLink.openPinned(links.of(pinName))) {
      Optional<XdpMode> mode = link.mode();
      if (mode.isPresent()) {
        int ifindex = link.info().ifindex();
        Optional<String> name = Interfaces.name(ifindex);
        if (name.isPresent()) {
          return new Pinned(pinName, name.get(), ifindex, mode);
        }
      }
    }
    return new Pinned(pinName, pinName, indexOrZero(pinName), Optional.empty());
  }

  private static int indexOrZero(String interfaceName) {
    try {
      return Interfaces.index(interfaceName);
    } catch (KernelException e) {
      return 0;
    }
  }

  private void followRenames() {
    List<Pinned> renamed =
        pinned().values().stream().filter(p -> !p.pinName().equals(p.interfaceName())).toList();
    // In two steps, for two interfaces may have exchanged their names.
    renamed.forEach(p -> rename(p.pinName(), between(p)));
    for (Pinned pinned : renamed) {
      if (links.has(pinned.interfaceName())) {
        remove(read(pinned.interfaceName())); // of an interface that has gone
      }
      rename(between(pinned), pinned.interfaceName());
    }
  }

  /** Longer than any interface's name. */
  private static String between(Pinned pinned) {
    return "renamed interface " + pinned.ifindex();
  }

  /** The link last: until it has its new name, all of it is done again. */
  private void rename(String from, String to) {
    egress.rename(from, to);
    links.rename(from, to);
  }
}
