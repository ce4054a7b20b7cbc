// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;

/**
 * A backend that packets cannot reach from here.
 *
 * @param vip whose backend it is
 * @param backend which
 * @param message why, and what to do
 */
public record BackendProblem(VipKey vip, BackendKey backend, String message) {}
