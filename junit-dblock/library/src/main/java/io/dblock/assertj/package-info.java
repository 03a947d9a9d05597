// SPDX-License-Identifier: Apache-2.0
/**
 * AssertJ assertions on a device's requests and content; see {@link io.dblock.assertj.DblockAssertions}. They know only
 * the API, and need assertj-core on the test's class path.
 */
package io.dblock.assertj;
