// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Action;
import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.HeldRequest;
import io.dblock.fault.Match;
import io.dblock.fault.Tear;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.internal.fault.RuleSet;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.server.DeviceCommands;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.StoreSpec;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.journal.FailedRange;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests that values are the same after encoding and decoding. */
class CodecTest {
    /** The largest number that journalEntries allows. */
    private static final int MOST_ENTRIES = 1 << 20;

    private static final Type ENTRIES =
            Left.class.getRecordComponents()[0].getGenericType() instanceof ParameterizedType left
                    ? left.getActualTypeArguments()[0]
                    : null;

    static Stream<Action> actions() {
        return Stream.of(
                new Action.Fail(Errno.EIO),
                new Action.FailAfter(8, Errno.ENOSPC),
                new Action.MediumError(),
                new Action.Lose(),
                new Action.TearWrite(Tear.RANDOM),
                new Action.Misdirect(-4096),
                new Action.Stale(),
                new Action.FlipBits(3),
                new Action.Garbage(),
                new Action.IgnoreFlushes(),
                new Action.Wait(Delay.percentiles(Map.of(50.0, Duration.ofMillis(1), 99.0, Duration.ofSeconds(2)))),
                new Action.LimitIops(100),
                new Action.LimitBandwidth(1 << 20),
                new Action.Full(7),
                new Action.ReadOnly(),
                new Action.Hold(),
                new Action.PowerCut(Survivors.random(5, 0.25).torn(), true));
    }

    @ParameterizedTest
    @MethodSource("actions")
    void everyActionOfARuleArrivesAsItself(Action action) {
        FaultRule rule = new FaultRule("a name", Match.any(), action, true, true, false);
        assertThat(roundTrip(FaultRule.class, rule)).isEqualTo(rule);
    }

    @Test
    void thereAreNoOtherActions() {
        assertThat(actions().map(Object::getClass)).containsExactlyInAnyOrder(Action.class.getPermittedSubclasses());
    }

    @Test
    void aMatchArrivesAsItself() {
        Match match = Match.on(Operation.WRITE, Operation.READ)
                .withSectors(8, 15)
                .withFlags(Set.of(RequestFlag.FUA))
                .withLength(512, 4096)
                .withAfter(1)
                .withTimes(2)
                .withProbability(0.5)
                .withSinceMark("from")
                .withUntilMark("to ünd ⚡")
                .withFromFlushEpoch(3);
        assertThat(roundTrip(Match.class, match)).isEqualTo(match);
    }

    @Test
    void entriesOfAJournalArriveAsThemselves() {
        List<JournalEntry> entries = List.of(
                new RequestEntry(
                        1,
                        2,
                        3,
                        4,
                        5,
                        new RequestInfo(Operation.WRITE, 512, 1024, EnumSet.of(RequestFlag.SYNC), 1),
                        List.of(new FailedRange(512, 512, Errno.ENODATA)),
                        List.of("rule"),
                        6,
                        OptionalLong.of(-1)),
                new RequestEntry(
                        2,
                        2,
                        3,
                        -1,
                        -1,
                        new RequestInfo(Operation.FLUSH, 0, 0, Set.of(), 0),
                        List.of(),
                        List.of(),
                        0,
                        OptionalLong.empty()),
                new MarkEntry(3, 1, 1, ""),
                new EventEntry(4, 1, 1, EventKind.POWER_CUT, "x".repeat(100_000)));
        assertThat(roundTrip(ENTRIES, entries)).isEqualTo(entries);
    }

    private record Left(Supplier<List<JournalEntry>> entries) {}

    @Test
    void whatASupplierGivesArrivesAsOftenAsItIsAskedFor() {
        List<JournalEntry> entries = Collections.nCopies(3, large());
        Left arrived = (Left) roundTrip(Left.class, new Left(() -> entries));
        assertThat(arrived.entries().get()).isEqualTo(entries);
        assertThat(arrived.entries().get()).isEqualTo(entries);
    }

    private static RequestEntry large() {
        return new RequestEntry(
                1,
                2,
                3,
                4,
                5,
                new RequestInfo(
                        Operation.WRITE_ZEROES,
                        0,
                        8192,
                        Set.of(RequestFlag.FUA, RequestFlag.META, RequestFlag.SYNC, RequestFlag.PRIORITY),
                        63,
                        IoPriority.NONE,
                        WriteHint.LONG),
                List.of(new FailedRange(0, 4096, Errno.EIO), new FailedRange(4096, 4096, Errno.ENOSPC)),
                List.of("a rule with a long name", "another rule with a long name"),
                6,
                OptionalLong.of(7));
    }

    /** A closed device sends all entries at once, and a frame that is too large would end the connection of all devices. */
    @Test
    void theLargestJournalFitsIntoAFrame() {
        long each = Codec.encode(ENTRIES, List.of(large())).length;
        assertThat(each * MOST_ENTRIES).isLessThan(Connection.MAX_FRAME / 2);
    }

    @Test
    void specsArriveAsThemselves() {
        StoreSpec image = new StoreSpec(0, 4096, Optional.of(Path.of("/tmp/ä b")), Optional.of(ImageMode.IN_PLACE));
        StoreSpec memory = new StoreSpec(1L << 40, 512, Optional.empty(), Optional.empty());
        DeviceParameters parameters = new DeviceParameters(
                "dblock7", 1 << 20, 512, 4096, 1, 2, 3, 4, 5, 6, 7, 8, 9, EnumSet.allOf(DeviceParameters.Flag.class));
        FilterSpec filters = new FilterSpec(Long.MIN_VALUE, true, 1, 2);
        CutReport report = new CutReport(
                Survivors.of(3, 4),
                List.of(new CutReport.CutWrite(
                        3,
                        Operation.DISCARD,
                        0,
                        1024,
                        true,
                        CutReport.Fate.TORN,
                        List.of(new CutReport.Range(512, 512)))));
        assertThat(roundTrip(StoreSpec.class, image)).isEqualTo(image);
        assertThat(roundTrip(StoreSpec.class, memory)).isEqualTo(memory);
        assertThat(roundTrip(DeviceParameters.class, parameters)).isEqualTo(parameters);
        assertThat(roundTrip(FilterSpec.class, filters)).isEqualTo(filters);
        assertThat(roundTrip(CutReport.class, report)).isEqualTo(report);
    }

    static Stream<Method> commands() {
        return Stream.of(
                        ServerCommands.class,
                        TestCommands.class,
                        DeviceCommands.class,
                        RuleSet.class,
                        Fault.class,
                        HeldRequest.class)
                .flatMap(type -> Arrays.stream(type.getMethods()))
                // A default method is made of the others, and runs on this side if its types cannot be sent.
                .filter(method -> !method.isDefault());
    }

    @Test
    void ofTheWaitsForARuleThoseForAWorkloadAreNotSent() {
        assertThat(Connection.methodsOf(Fault.class).stream()
                        .filter(method -> method.getName().startsWith("awaitHit"))
                        .map(method -> Arrays.stream(method.getParameterTypes())
                                .map(Class::getSimpleName)
                                .toList()))
                .containsExactlyInAnyOrder(List.of("Duration"), List.of("long", "Duration"));
    }

    /** An interface that is sent by reference may have methods that cannot be called remotely; only a call of one fails. */
    @Test
    void aRecorderCanBeCalledButForItsListeners() {
        List<String> called = Connection.methodsOf(Recorder.class).stream()
                .map(Method::getName)
                .toList();
        assertThat(called)
                .containsExactly(
                        "capture",
                        "content",
                        "dropped",
                        "droppedContents",
                        "entries",
                        "flushEpoch",
                        "last",
                        "lastDropped",
                        "mark",
                        "marks",
                        "toString");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandIsOfTypesThatCanBeSent(Method command) {
        for (Type type : command.getGenericParameterTypes()) {
            assertThat(Codec.of(type)).isNotNull();
        }
        if (command.getReturnType() != void.class) {
            assertThat(Codec.of(command.getGenericReturnType())).isNotNull();
        }
    }

    @Test
    void aPlaceInASourceArrivesAsItselfWithItsFileOrWithout() {
        for (String file : new String[] {"Some.java", null}) {
            StackTraceElement place = new StackTraceElement("io.dblock.Some", "method", file, 7);
            assertThat(roundTrip(StackTraceElement.class, place)).isEqualTo(place);
        }
    }

    private record Loose(Object anything) {}

    @Test
    void whatIsNoDataIsRefusedByName() {
        assertThatThrownBy(() -> Codec.of(Loose.class))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("java.lang.Object");
    }

    @Test
    void aNullIsRefused() {
        assertThatThrownBy(() -> Codec.encode(String.class, null)).hasMessageContaining("a null cannot be sent");
    }

    @Test
    void whatIsCutShortIsAnError() {
        byte[] bytes = Codec.encode(FilterSpec.class, new FilterSpec(1, true, 2, 3));
        assertThatThrownBy(() -> Codec.decode(FilterSpec.class, Arrays.copyOf(bytes, bytes.length - 1)))
                .hasMessageContaining("FilterSpec");
    }

    private static Object roundTrip(Type type, Object value) {
        return Codec.decode(type, Codec.encode(type, value));
    }
}
