// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.datapath.Attachment.Egress;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.TcFilter;
import io.xdplb.libbpf.TcxLink;
import io.xdplb.netlink.Qdiscs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * The program on what interfaces send. By tcx it is held by a pinned link, as the XDP program is.
 * Where tcx is refused it is a filter below clsact, which needs no pin to stay; its program is
 * pinned all the same, before it is the filter's: the pins tell that a filter should be there and
 * with which program.
 *
 * <p>Only for interfaces with a pinned XDP link of the same pin path: that one keeps out a second
 * datapath, whose filter would have the same handle.
 */
final class EgressAttacher {
  /** The first: another's verdict does not keep packets from ours, as Cilium's at 1 would. */
  private static final int PRIORITY = 1;

  /** "xdlb": whatever filter has it is ours. */
  private static final int HANDLE = 0x78646c62;

  private final InterfacePins tcx;
  private final InterfacePins clsact;
  private final List<Egress> ways;

  /** What is on an egress, and why that is not all that one would wish. */
  record State(Egress way, String message) {
    static final State NONE = new State(null, null);
  }

  EgressAttacher(Path pinPath) {
    this(pinPath, List.of(Egress.TCX, Egress.CLSACT));
  }

  /**
   * @param ways to be tried one after the other
   */
  EgressAttacher(Path pinPath, List<Egress> ways) {
    tcx = new InterfacePins(pinPath.resolve("tcx"));
    clsact = new InterfacePins(pinPath.resolve("clsact"));
    this.ways = ways;
  }

  private static TcFilter filter(int ifindex) {
    return new TcFilter(ifindex, PRIORITY, HANDLE);
  }

  /** Attaches the program, or swaps it in one step where one of ours is, of whichever agent. */
  State attach(BpfProgram program, String name, int ifindex) {
    try {
      if (swap(program, name, ifindex)) {
        return state(name, ifindex);
      }
      detach(name, ifindex); // what is left of an attachment that has ended
      return create(program, name, ifindex);
    } catch (KernelException e) {
      return new State(null, e.getMessage());
    }
  }

  private boolean swap(BpfProgram program, String name, int ifindex) {
    if (tcx.has(name)) {
      try (TcxLink link = TcxLink.openPinned(tcx.of(name))) {
        if (link.attached() && link.info().ifindex() == ifindex) {
          link.update(program);
          return true;
        }
      }
      return false;
    }
    if (hasOurFilter(name, ifindex)) {
      put(program, name, ifindex);
      return true;
    }
    return false;
  }

  private State create(BpfProgram program, String name, int ifindex) {
    List<String> refused = new ArrayList<>();
    for (Egress way : ways) {
      try {
        if (way == Egress.TCX) {
          link(program, name, ifindex);
        } else {
          put(program, name, ifindex);
        }
        return new State(way, refused.isEmpty() ? null : refused.get(0));
      } catch (KernelException e) {
        refused.add(e.getMessage());
      }
    }
    return new State(null, String.join("; ", refused));
  }

  private void link(BpfProgram program, String name, int ifindex) {
    tcx.makeFolder();
    try (TcxLink link = TcxLink.attachEgress(program, ifindex)) {
      link.pin(tcx.of(name));
    }
  }

  private void put(BpfProgram program, String name, int ifindex) {
    clsact.makeFolder();
    if (Qdiscs.filterHolder(ifindex).filter("ingress"::equals).isPresent()) {
      throw new KernelException(
          "attach " + program + " by clsact to the egress of",
          "interface " + name,
          0,
          "it has an ingress qdisc, which takes the place of clsact; whoever made it can make a"
              + " clsact qdisc instead, which serves them as well (`tc qdisc show dev "
              + name
              + "`)");
    }
    TcFilter.ensureQdisc(ifindex);
    clsact.remove(next(name));
    program.pin(clsact.of(next(name)));
    filter(ifindex).put(program);
    clsact.rename(next(name), name);
  }

  /**
   * The pin of a program that is about to be the filter's. No interface has a space in its name.
   */
  private static String next(String name) {
    return name + " next";
  }

  private boolean hasOurFilter(String name, int ifindex) {
    List<Integer> ours = new ArrayList<>();
    for (String pin : List.of(next(name), name)) {
      if (clsact.has(pin)) {
        try (BpfProgram program = BpfProgram.openPinned(clsact.of(pin))) {
          ours.add(program.id());
        }
      }
    }
    OptionalInt there = ours.isEmpty() ? OptionalInt.empty() : filter(ifindex).programId();
    return there.isPresent() && ours.contains(there.getAsInt());
  }

  /** What is on an interface's egress now, as the kernel says. */
  State state(String name, int ifindex) {
    try {
      if (tcx.has(name)) {
        try (TcxLink link = TcxLink.openPinned(tcx.of(name))) {
          return link.attached() ? new State(Egress.TCX, null) : gone("detached", name);
        }
      }
      if (hasOurFilter(name, ifindex)) {
        return new State(Egress.CLSACT, null);
      }
    } catch (LibbpfException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      return State.NONE; // an agent has just taken it off
    }
    return clsact.has(name) ? gone("removed or replaced", name) : State.NONE;
  }

  private static State gone(String how, String name) {
    return new State(
        null,
        "somebody has %s the egress program of %s, or the interface has gone".formatted(how, name));
  }

  /**
   * Takes the program off. Does nothing where it is not.
   *
   * @param ifindex 0 if the interface has gone
   */
  void detach(String name, int ifindex) {
    if (tcx.has(name)) {
      try (TcxLink link = TcxLink.openPinned(tcx.of(name))) {
        link.detach();
      }
      tcx.remove(name);
    }
    if (hasOurFilter(name, ifindex)) {
      filter(ifindex).remove();
    }
    clsact.remove(next(name));
    clsact.remove(name);
  }

  /** The interface has another name. */
  void rename(String from, String to) {
    tcx.rename(from, to);
    clsact.rename(from, to);
    clsact.rename(next(from), next(to));
  }
}
