// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Weighted Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4): fills a ring of slots so that each backend has its share of
 * them, and so that a backend that comes or goes moves few slots of the others.
 *
 * <p>A ring is a function of the backends' addresses, ports and weights and of its size, and of
 * nothing else, so that every node computes the same. Changing anything below changes every ring:
 * the hash of a table that was programmed by an older version then no longer matches.
 */
public final class Maglev {

  /**
   * Slots for each unit of weight: keeps a share within about one per cent of what it should be.
   */
  static final int SLOTS_PER_UNIT = 100;

  /**
   * Sizes to choose from. Each is about four times the one before, because a change of size moves
   * nearly every flow, and must be rare beside a change of backends. Prime, because a permutation
   * steps through all slots by a stride of any length.
   */
  private static final int[] SIZES = {1009, 4001, 16001, 65537};

  /** The smallest ring: 1009 slots. */
  public static final int MIN_SIZE = SIZES[0];

  /** The largest ring: 65537 slots. */
  public static final int MAX_SIZE = SIZES[SIZES.length - 1];

  private Maglev() {}

  /**
   * The number of slots for a sum of weights: the smallest of a fixed list of primes that has 100
   * slots for each unit, but at most {@link #MAX_SIZE}; 0 for no weight at all.
   */
  public static int sizeFor(long totalWeight) {
    if (totalWeight <= 0) {
      return 0;
    }
    for (int size : SIZES) {
      if (size / SLOTS_PER_UNIT >= totalWeight) {
        return size;
      }
    }
    return MAX_SIZE;
  }

  /** Whether a ring may have this size: a prime from {@link #MIN_SIZE} to {@link #MAX_SIZE}. */
  public static boolean isRingSize(int size) {
    return size >= MIN_SIZE && size <= MAX_SIZE && BigInteger.valueOf(size).isProbablePrime(40);
  }

  /**
   * Fills a ring.
   *
   * @param backends in any order, each key once; the order has no influence on which backend a slot
   *     gets. Those of weight 0 get none
   * @param size see {@link #isRingSize}; 0 if all weights are 0
   * @return for each slot an index into {@code backends}
   * @throws IllegalArgumentException if the size is none, if a weight is negative, if there are
   *     more backends with weight &gt; 0 than slots, or if there is none but there are slots
   */
  public static int[] ring(List<Backend> backends, int size) {
    int[] order = takersByKey(backends);
    if (order.length == 0 && size == 0) {
      return new int[0];
    }
    if (!isRingSize(size) || order.length > size || order.length == 0) {
      throw new IllegalArgumentException(
          "no ring of " + size + " slots for " + order.length + " backends with weight > 0");
    }
    Permutations permutations = new Permutations(backends, order, size);
    Rounds rounds = new Rounds(backends, order, size);
    int[] ring = new int[size];
    for (int filled = 0; filled < size; filled++) {
      int backend = rounds.next();
      ring[permutations.takeNextFree(backend)] = order[backend];
    }
    return ring;
  }

  /** Indices of the backends with weight &gt; 0, in the order of their keys. */
  private static int[] takersByKey(List<Backend> backends) {
    Backend[] all = backends.toArray(Backend[]::new);
    Integer[] takers = new Integer[all.length];
    int count = 0;
    boolean sorted = true;
    for (int i = 0; i < all.length; i++) {
      if (all[i].weight() < 0) {
        throw new IllegalArgumentException("weight " + all[i].weight() + " of " + all[i].key());
      }
      if (all[i].weight() > 0) {
        sorted &= count == 0 || all[takers[count - 1]].key().compareTo(all[i].key()) < 0;
        takers[count++] = i;
      }
    }
    if (!sorted) {
      Arrays.sort(takers, 0, count, Comparator.comparing(i -> all[i].key()));
    }
    return Arrays.stream(takers, 0, count).mapToInt(Integer::intValue).toArray();
  }

  /**
   * Each backend's order of preference of the slots: {@code (offset + n × stride) mod size}, with
   * offset and stride from two hashes of its key.
   */
  private static final class Permutations {
    private static final long OFFSET_SEED = 0x9e37_79b9_7f4a_7c15L;
    private static final long STRIDE_SEED = 0xd1b5_4a32_d192_ed03L;

    private final int size;
    private final int[] next;
    private final int[] stride;
    private final long[] taken;

    Permutations(List<Backend> backends, int[] order, int size) {
      this.size = size;
      next = new int[order.length];
      stride = new int[order.length];
      taken = new long[(size + 63) / 64];
      for (int i = 0; i < order.length; i++) {
        BackendKey key = backends.get(order[i]).key();
        next[i] = (int) Long.remainderUnsigned(hash(key, OFFSET_SEED), size);
        stride[i] = (int) Long.remainderUnsigned(hash(key, STRIDE_SEED), size - 1) + 1;
      }
    }

    int takeNextFree(int backend) {
      int slot = next[backend];
      int step = stride[backend];
      while ((taken[slot >>> 6] & 1L << slot) != 0) {
        slot = following(slot, step);
      }
      taken[slot >>> 6] |= 1L << slot;
      next[backend] = following(slot, step);
      return slot;
    }

    private int following(int slot, int step) {
      int following = slot + step;
      return following < size ? following : following - size;
    }

    private static long hash(BackendKey key, long seed) {
      long hash = mix(seed ^ key.address().high());
      hash = mix(hash ^ key.address().low());
      return mix(hash ^ (key.address().isIpv4() ? 1L << 32 : 0) ^ key.port());
    }

    /**
     * Stafford's "Mix13", the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a
     * bijection of 64 bits in which every input bit changes each output bit half of the time.
     */
    private static long mix(long z) {
      z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
      z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
      return z ^ z >>> 31;
    }
  }

  /**
   * Whose turn it is. The backends of the greatest weight have one turn a round; one of a smaller
   * weight earns {@code weight / greatest weight} of a turn in each round and has its n-th turn in
   * the round in which it has earned n - ½: half early and half late, so that the delays of many
   * small backends do not add up in favour of a great one. Backends whose turn it is not are not
   * looked at: each round is a linked list of those whose it is.
   */
  private static final class Rounds {
    private static final int NONE = -1;

    private final long[] weight;
    private final long greatest;
    private final int[] turns;
    private final int[] firstOfRound;
    private final int[] link;
    private int round;
    private int pending;

    Rounds(List<Backend> backends, int[] order, int size) {
      weight = Arrays.stream(order).mapToLong(i -> backends.get(i).weight()).toArray();
      greatest = Arrays.stream(weight).max().orElseThrow();
      turns = new int[order.length];
      link = new int[order.length];
      // A backend of the greatest weight has a turn in each round, so no round is empty and at
      // most `size` of them are needed; a turn that lies beyond never comes.
      firstOfRound = new int[size + 1];
      Arrays.fill(firstOfRound, NONE);
      for (int i = order.length - 1; i >= 0; i--) {
        schedule(i);
      }
      pending = firstOfRound[round = 1];
    }

    int next() {
      while (pending == NONE) {
        pending = firstOfRound[++round];
      }
      int backend = pending;
      pending = link[backend];
      schedule(backend);
      return backend;
    }

    private void schedule(int backend) {
      long turn = ++turns[backend];
      long own = weight[backend];
      long in = own == greatest ? turn : ((2 * turn - 1) * greatest + 2 * own - 1) / (2 * own);
      if (in < firstOfRound.length) {
        link[backend] = firstOfRound[(int) in];
        firstOfRound[(int) in] = backend;
      }
    }
  }
}
