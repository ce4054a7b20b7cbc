// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;

/**
 * What an {@link Announcer} wants done. The order matters: what a datapath is told must have
 * arrived there before a message that comes after it is sent. If one fails, those after it must not
 * be done, and the agent has to start again.
 */
public sealed interface Output {

  /**
   * To the datapath: answer for this address while enough of the supporters' votes count.
   *
   * @param supporters a bit for each slot
   * @param number of the claim; only kept, for the next agent
   */
  record Claim(Ip address, long supporters, long number) implements Output {}

  /** To the datapath: do not answer for this address. */
  record Unclaim(Ip address) implements Output {}

  /**
   * To the datapath: take grants of this slot if they are of this run and have withdrawn nothing
   * after this version.
   */
  record Accept(int slot, long run, long applied) implements Output {}

  /**
   * To the datapath, all at once: count votes of these slots that are of this epoch or the one
   * after it, and answer if there are as many as {@code quorum}.
   *
   * @param members a bit for each slot
   */
  record Count(long epoch, int quorum, long members) implements Output {}

  /**
   * To the datapath: the vote of this slot counts until then. For the node's own slot, whose vote
   * always counts, for the witness', and for one whose run is over.
   */
  record Vote(int slot, long until, long epoch) implements Output {}

  /** Send to the datapath of a slot's node. */
  record SendHello(Hello hello) implements Output {}

  /** Send to the agent of a slot's node. */
  record Send(int to, Message message) implements Output {}

  /**
   * Replace the witness' vote by {@code next} if its number is one less; then say what is there
   * ({@link Announcer#witnessed}). It may happen late, or never, or without an answer.
   */
  record AskWitness(WitnessVote next) implements Output {}

  /** This node has become the owner: tell the LAN. Or it no longer is. */
  record Owner(Ip address, boolean isOwner) implements Output {}

  /** Tell the operator: this node has been in this epoch for so long that no older grant counts. */
  record Reached(long epoch) implements Output {}
}
