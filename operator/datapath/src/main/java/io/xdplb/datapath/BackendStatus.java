// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;

/**
 * A backend as the kernel's maps have it. Counters begin when the backend is programmed.
 *
 * @param key which
 * @param delivery how packets reach it
 * @param here whether they are delivered on this machine, by whichever way others send them here
 * @param takesNewFlows whether the ring may name it
 * @param drainUntilSeconds Unix time at which its remaining flows are cut; 0 while it is part of
 *     the table
 * @param ringSlots how many slots of the VIP's ring are its
 * @param packetsToBackend packets from clients
 * @param bytesToBackend their bytes, from the IP header on
 * @param packetsToClient packets to clients
 * @param bytesToClient their bytes, from the IP header on
 * @param flowsBegun how many flows were begun
 * @param flowsNow how many are alive: neither closed nor silent for longer than their timeout
 */
public record BackendStatus(
    BackendKey key,
    Delivery delivery,
    boolean here,
    boolean takesNewFlows,
    long drainUntilSeconds,
    int ringSlots,
    long packetsToBackend,
    long bytesToBackend,
    long packetsToClient,
    long bytesToClient,
    long flowsBegun,
    long flowsNow) {}
