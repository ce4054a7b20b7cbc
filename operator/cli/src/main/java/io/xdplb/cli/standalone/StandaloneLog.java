// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.agent.Programmer;
import io.xdplb.agent.ProgrammingListener;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says what happens, one line each, by the file that it comes from. */
final class StandaloneLog implements ProgrammingListener {

  private static final Logger log = LoggerFactory.getLogger("standalone");

  private final Path folder;
  private final Map<ObjectName, String> fileOf;

  StandaloneLog(Path folder, Map<ObjectName, String> fileOf) {
    this.folder = folder;
    this.fileOf = fileOf;
  }

  /** As {@code TCP 203.0.113.10:80 → 2 backends}. */
  static String line(Vip vip) {
    long active = vip.backends().stream().mapToInt(Backend::weight).filter(w -> w > 0).count();
    long idle = vip.backends().size() - active;
    return vip.key()
        + " → "
        + active
        + (active == 1 ? " backend" : " backends")
        + (active > 0
            ? ""
            : vip.access().unavailable() == UnavailablePolicy.DROP
                ? ": new flows are dropped"
                : ": new flows are rejected")
        + (idle == 0
            ? ""
            : ", and " + idle + " that only keep" + (idle == 1 ? "s" : "") + " flows");
  }

  @Override
  public void programmed(ObjectName table, List<Vip> vips) {
    for (Vip vip : vips) {
      log.info("{}: LoadBalancer {}: {} (programmed)", file(table), table, line(vip));
    }
    if (vips.isEmpty()) {
      log.info("{}: LoadBalancer {}: nothing to forward (programmed)", file(table), table);
    }
  }

  @Override
  public void failed(ObjectName table, TableException why) {
    log.error("{}: LoadBalancer {}: {}: {}", file(table), table, why.reason(), why.message());
  }

  @Override
  public void removed(ObjectName table) {
    String file = fileOf.remove(table);
    log.info("{}: LoadBalancer {}: removed", file == null ? folder : file, table);
  }

  /** What to do and say about the folder. */
  FolderListener folder(Programmer programmer) {
    return new FolderListener() {
      @Override
      public void problems(String file, List<FileProblem> problems, boolean refused) {
        for (FileProblem problem : problems) {
          if (refused) {
            log.error("{}; what it said before stays in force", problem);
          } else {
            log.warn("{}", problem);
          }
        }
      }

      @Override
      public void mended(String file) {
        log.info("{}: in order again", file);
      }

      @Override
      public void folderGone(String why) {
        log.error("cannot read folder {}: {}; what is programmed stays", folder, why);
      }

      @Override
      public void folderFound(int files) {
        log.info("following {}: {} manifests", folder, files);
      }

      @Override
      public void read() {
        programmer.listed();
      }

      @Override
      public void complete() {
        programmer.synced();
      }
    };
  }

  private Object file(ObjectName table) {
    String file = fileOf.get(table);
    return file == null ? folder : file;
  }
}
