// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

/**
 * What the loaded module says of itself.
 *
 * @param abi the version of the ABI it speaks
 * @param features bits of DBLOCK_FEAT_*
 * @param module the module's own version
 */
public record ModuleVersion(int abi, long features, String module) {}
