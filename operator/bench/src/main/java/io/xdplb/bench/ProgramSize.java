// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * How large a program is that the product ships.
 *
 * @param name of its function
 * @param verified instructions that the verifier went through, all paths together, of a million
 *     that it allows; 0 on a kernel before 5.16, which does not say
 * @param instructions that it has
 * @param bytes of machine code
 */
record ProgramSize(String name, int verified, int instructions, int bytes) {

  /** Of all programs in the shipped object, loaded with maps of the smallest size. */
  static List<ProgramSize> shipped(Tool tool) {
    List<ProgramSize> sizes = new ArrayList<>();
    tool.run("programs", tool.shipped())
        .fields()
        .forEachRemaining(
            program -> {
              JsonNode size = program.getValue();
              sizes.add(
                  new ProgramSize(
                      program.getKey(),
                      size.get("verified").asInt(),
                      size.get("instructions").asInt(),
                      size.get("jited").asInt()));
            });
    return sizes;
  }
}
