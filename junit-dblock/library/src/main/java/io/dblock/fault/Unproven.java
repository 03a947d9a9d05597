// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

/**
 * Something that a test armed or asked for and that nothing came of: a test that passes all the same may have shown nothing.
 *
 * @param kind what it is
 * @param text the device, what was armed or asked, and why nothing came of it as far as that is known; one sentence
 */
public record Unproven(Kind kind, String text) {

    /** What can remain unproven. */
    public enum Kind {
        /** A rule that has acted on no request. */
        RULE_NEVER_ACTED("Let what a rule is to hit happen before the test ends, or make the rule lenient()."),
        /** A rule that was begun and never got an action. */
        RULE_WITHOUT_ACTION("Say what such a rule does, as in faults().on(WRITE).times(1).fail(EIO), or remove it."),
        /** Survivors of a power cut were to be chosen among unflushed writes, and there never were any. */
        NOTHING_TO_SURVIVE("Let a cut come when there are unflushed writes, see BlockDevice.unflushed(), or make its"
                + " survivors lenient()."),
        /** The device could not be asked. */
        NOT_KNOWN("What a server that is gone or silent knew cannot be told. Keep it running until the test ends.");

        private final String advice;

        Kind(String advice) {
            this.advice = advice;
        }

        /** What to do about it, the way out included. */
        public String advice() {
            return advice;
        }
    }

    /** The text. */
    @Override
    public String toString() {
        return text;
    }
}
