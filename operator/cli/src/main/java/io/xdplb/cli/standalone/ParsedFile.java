// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.util.List;

/** What a file says. */
sealed interface ParsedFile {

  /** All of it can be used. An empty file is good, and defines nothing. */
  record Good(List<Manifest> manifests) implements ParsedFile {
    public Good {
      manifests = List.copyOf(manifests);
    }
  }

  /** Something in it is wrong, and so none of it is used. */
  record Bad(List<FileProblem> problems) implements ParsedFile {
    public Bad {
      problems = List.copyOf(problems);
    }
  }
}
