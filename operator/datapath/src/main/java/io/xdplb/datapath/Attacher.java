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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The program on its interfaces, by links that are pinned under the interface's name: traffic goes
 * on while no agent runs, and the next agent swaps the program in one step.
 */
final class Attacher {
  private final Path links;

  Attacher(Path pinPath) {
    links = pinPath.resolve("links");
  }

  /** Attaches, or swaps the program of the link that a former agent has pinned. */
  Attachment attach(BpfProgram program, String interfaceName, AttachPreference preference) {
    int ifindex;
    try {
      Files.createDirectories(links);
      ifindex = Interfaces.index(interfaceName);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make " + links, e);
    } catch (KernelException e) {
      return none(interfaceName, "NoInterface", e.getMessage());
    }
    if (Files.exists(pin(interfaceName))) {
      try (XdpLink link = XdpLink.openPinned(pin(interfaceName))) {
        if (link.info().ifindex() == ifindex) {
          link.update(program);
          return attachment(interfaceName);
        }
      }
      remove(pin(interfaceName)); // of an interface that has gone
    }
    List<Xdp.Attachment> foreign = Xdp.query(ifindex);
    if (!foreign.isEmpty()) {
      return conflict(interfaceName, foreign.get(0).programId());
    }
    return create(program, interfaceName, ifindex, preference);
  }

  private Attachment create(
      BpfProgram program, String interfaceName, int ifindex, AttachPreference preference) {
    LibbpfException notNative = null;
    if (preference != AttachPreference.GENERIC) {
      try (XdpLink link = XdpLink.attach(program, ifindex, XdpMode.NATIVE)) {
        link.pin(pin(interfaceName));
        return attachment(interfaceName);
      } catch (LibbpfException e) {
        notNative = e;
      }
    }
    if (preference != AttachPreference.NATIVE) {
      try (XdpLink link = XdpLink.attach(program, ifindex, XdpMode.GENERIC)) {
        link.pin(pin(interfaceName));
        return notNative == null
            ? attachment(interfaceName)
            : new Attachment(
                interfaceName, Attachment.Mode.GENERIC, "NoNativeMode", notNative.getMessage());
      } catch (LibbpfException e) {
        return refused(interfaceName, e);
      }
    }
    return refused(interfaceName, notNative);
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

  /** What is on an interface now, as the kernel says. */
  Attachment attachment(String interfaceName) {
    Path pin = pin(interfaceName);
    if (!Files.exists(pin)) {
      return none(interfaceName, "NotAttached", "no link is pinned at " + pin);
    }
    try (XdpLink link = XdpLink.openPinned(pin)) {
      Optional<XdpMode> mode = link.mode();
      if (mode.isEmpty()) {
        return none(
            interfaceName,
            "Detached",
            "somebody has detached the program from "
                + interfaceName
                + ", or the interface has gone");
      }
      return new Attachment(
          interfaceName,
          mode.get() == XdpMode.GENERIC ? Attachment.Mode.GENERIC : Attachment.Mode.NATIVE,
          null,
          null);
    }
  }

  /** Takes the program off an interface. Does nothing where it is not. */
  void detach(String interfaceName) {
    Path pin = pin(interfaceName);
    if (Files.exists(pin)) {
      try (XdpLink link = XdpLink.openPinned(pin)) {
        if (link.info().ifindex() != 0) {
          link.detach();
        }
      }
      remove(pin);
    }
  }

  /** The interfaces that have a pinned link, in the order of their names. */
  List<String> interfaces() {
    List<String> names = new ArrayList<>();
    if (Files.isDirectory(links)) {
      try (DirectoryStream<Path> pins = Files.newDirectoryStream(links)) {
        pins.forEach(
            pin -> names.add(pin.getFileName().toString().replace("%2e", ".").replace("%25", "%")));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot list " + links, e);
      }
    }
    names.sort(null);
    return names;
  }

  private Path pin(String interfaceName) {
    // a BPF file system takes no names with a dot, and an interface may have one: eth0.100
    return links.resolve(interfaceName.replace("%", "%25").replace(".", "%2e"));
  }

  private static void remove(Path pin) {
    try {
      Files.deleteIfExists(pin);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove the pin " + pin, e);
    }
  }
}
