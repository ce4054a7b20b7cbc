/**
 * What the datapath should do, said a second time: a model in Java that parses, decides and
 * rewrites without tables that are fast, checksums that are mended, or functions that hand packets
 * on. {@link io.xdplb.datapath.reference.ReferencePropertyTest} runs the program that ships and the
 * model side by side, so that both must be wrong in the same way to hide a fault.
 */
package io.xdplb.datapath.reference;
