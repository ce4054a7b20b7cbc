// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.model.ObjectName;
import java.util.SortedMap;

/** x. */
public final class TableDigests {
  /** x. */
  public void put(ObjectName table, String tableHash) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public void remove(ObjectName table) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public int size() {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public SortedMap<String, String> bucketHashes() {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public String rootHash() {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public static String bucketOf(ObjectName table) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public static String rootHash(SortedMap<String, String> bucketHashes) {
    throw new UnsupportedOperationException();
  }
}
