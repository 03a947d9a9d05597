// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/**
 * What the loaded module reports about itself.
 *
 * @param abi the version of its ABI
 * @param features bits of DBLOCK_FEAT_*
 * @param module the module's own version
 */
public record ModuleVersion(int abi, long features, String module) {
    /** Returns whether the module accepts answers to parts of a request: {@link Batch#answerPart}. */
    public boolean answersParts() {
        return (features & Abi.FEAT_ANSWER_MORE) != 0;
    }
}
