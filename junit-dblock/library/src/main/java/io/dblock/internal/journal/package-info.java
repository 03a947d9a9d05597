// SPDX-License-Identifier: Apache-2.0
/**
 * The recorder of a journal, which keeps entries and data in rings of limited size. It knows {@code kernel} and the
 * API's {@code journal}, whose entries it makes.
 */
package io.dblock.internal.journal;
