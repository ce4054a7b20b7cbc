// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

/**
 * The protocol's durations, in milliseconds. All members must use the same.
 *
 * @param hello how often a member sends a hello to each other one, and its state if need be
 * @param grant how long a member that has seen an answer of a node's datapath gives nobody else
 *     what that node claims; also the age from which a node counts as dead
 * @param fence how long a datapath counts a grant, from the instant in it. Shorter than {@code
 *     grant}, so that it has run out by a clock one per cent slow before the grant has by one that
 *     is one per cent fast
 * @param settle how long a new address is left alone by a node that is not the first choice of all
 *     that are alive: the others may learn of it later
 * @param witness how long others wait before they take the witness' vote from one that no longer
 *     renews it
 * @param witnessFence how long the holder counts the witness' vote, from before it asked for it
 */
public record Timing(
    long hello, long grant, long fence, long settle, long witness, long witnessFence) {

  /** How much faster than another member's a clock may be: 101 to 99. */
  private static final long FAST = 101;

  private static final long SLOW = 99;

  /** What the members of a cluster use: another owner in some 0.7 s. */
  public static final Timing DEFAULT = new Timing(100, 500, 480, 600, 10_000, 9_700);

  /**
   * @throws IllegalArgumentException if a fence could outlast what it fences
   */
  public Timing {
    if (hello <= 0 || settle < 0) {
      throw new IllegalArgumentException("hello " + hello + " ms, settle " + settle + " ms");
    }
    requireFence("fence", fence, "grant", grant);
    requireFence("witnessFence", witnessFence, "witness", witness);
  }

  private static void requireFence(String name, long fence, String whole, long duration) {
    // Two whole milliseconds because times are cut to such at both ends.
    if (fence <= 0 || (fence + 2) * FAST > duration * SLOW) {
      throw new IllegalArgumentException(
          "%s of %d ms may outlast %s of %d ms with clocks that are one per cent off"
              .formatted(name, fence, whole, duration));
    }
  }
}
