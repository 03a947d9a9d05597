// SPDX-License-Identifier: Apache-2.0
/** Whether storage code is crash-safe: the states that a power cut can leave, each mounted and checked. */
package io.dblock.crash;
