// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** What a frame carries; the numbers are those of {@code enum frame_type} in {@code guest-init.c}. */
enum FrameType {
    /** Guest to host: the guest kernel's release, as text. */
    HELLO(1),
    /** Guest to host: the command was started; 64-bit little-endian milliseconds since the kernel's start. */
    STARTED(2),
    /** Guest to host: bytes of the command's standard output. */
    STDOUT(3),
    /** Guest to host: bytes of the command's standard error. */
    STDERR(4),
    /** Guest to host: nothing but a sign of life. */
    HEARTBEAT(5),
    /** Guest to host: one line of text for the user. */
    LOG(6),
    /** Guest to host: why the command could not be run. */
    ERROR(7),
    /** Guest to host: exit status and signal number, 32-bit little-endian each, then kernel trouble as text. */
    EXIT(8),
    /** Guest to host: so many more bytes of standard input may be sent, 32-bit little-endian. */
    CREDIT(9),
    /** Guest to host: a frame of standard input or of a connection was taken from the line. From guests whose line is easily full. */
    TAKEN(10),
    // Of a connection from a port of the host to one of the guest, all begin with its number, 32-bit little-endian.
    /** Guest to host, the last of a connection: nothing takes it; text: why. */
    CONNECTION_REFUSED(16),
    /** Guest to host: bytes of the program in the guest. */
    CONNECTION_OUT(17),
    /** Guest to host: the program in the guest sends no more. */
    CONNECTION_OUT_END(18),
    /** Guest to host: so many more bytes may be sent to the program in the guest, 32-bit little-endian. */
    CONNECTION_IN_CREDIT(19),
    /** Guest to host, the last of a connection: it is over; text: why before its end, empty if both ends had come. */
    CONNECTION_CLOSED(20),
    /** Host to guest: bytes for the command's standard input. */
    STDIN(32),
    /** Host to guest: the end of the command's standard input. */
    STDIN_EOF(33),
    /** Host to guest: a signal number for the command, 32-bit little-endian. */
    SIGNAL(34),
    /** Host to guest: the exit frame arrived whole. */
    ACK(35),
    /** Host to guest: nobody reads the command's standard output any more. */
    CLOSE_STDOUT(36),
    /** Host to guest, the first of a connection, whose numbers count up from 0: the port, 32-bit little-endian. */
    CONNECT(48),
    /** Host to guest: bytes for the program in the guest. */
    CONNECTION_IN(49),
    /** Host to guest: the program on the host sends no more. */
    CONNECTION_IN_END(50),
    /** Host to guest: so many more bytes of the program in the guest may be sent, 32-bit little-endian. */
    CONNECTION_OUT_CREDIT(51),
    /** Host to guest: the program on the host is gone. The guest still says that the connection is closed. */
    CONNECTION_ABORT(52);

    private final int number;

    FrameType(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /** The type of this number, or null if there is none. */
    static FrameType of(int number) {
        for (FrameType type : values()) {
            if (type.number == number) {
                return type;
            }
        }
        return null;
    }
}
