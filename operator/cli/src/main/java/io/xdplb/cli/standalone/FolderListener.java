// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.util.List;

/** Hears what becomes of the files of a folder. */
interface FolderListener {

  /**
   * Something in a file cannot be used, and was not so reported before.
   *
   * @param refused whether traffic stays as it was because of it; otherwise it is advice
   */
  void problems(String file, List<FileProblem> problems, boolean refused);

  /** A file of which something could not be used is right now. */
  void mended(String file);

  /** The folder cannot be read; nothing changes until it can. */
  void folderGone(String why);

  /** The folder can be read, for the first time or again. */
  void folderFound(int files);

  /** Every file in the folder has been read for the first time. */
  void read();

  /** After that: every file in the folder can be used, for the first time. */
  void complete();
}
