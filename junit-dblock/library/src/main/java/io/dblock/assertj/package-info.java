// SPDX-License-Identifier: Apache-2.0
/**
 * AssertJ assertions on what a device was asked and what is on it; see {@link io.dblock.assertj.DblockAssertions}. They know
 * the API alone, and need assertj-core on the test's class path.
 */
package io.dblock.assertj;
