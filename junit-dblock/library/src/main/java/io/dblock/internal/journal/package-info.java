// SPDX-License-Identifier: Apache-2.0
/**
 * The recorder of a journal: entries and data as they come, in rings of a limited size. It knows {@code kernel} and the API's
 * {@code journal}, whose entries it makes.
 */
package io.dblock.internal.journal;
