// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests that every option of the table is everywhere, and that Javadoc and pages have its default. */
class OptionsTest {
    /** Options that are too rare for an attribute and a configuration parameter; only the builders have them. */
    private static final Set<String> OF_BUILDERS_ONLY =
            Set.of("ioMin", "ioOptimal", "maxIo", "fua", "writeZeroes", "stableWrites", "rotational");

    /** Options that a {@link DeviceSpec} has as one, {@link DeviceSpec#zones()}. */
    private static final Set<String> ZONES = Set.of("zoneSize", "conventionalZones", "maxOpenZones", "maxActiveZones");

    private static final Path SOURCES = Path.of("src/main/java/io/dblock");
    private static final String SAMPLE = "1024";

    static Collection<DeviceOption<?>> ofDevices() {
        return DeviceOption.all();
    }

    static Collection<TestOption<?>> ofTests() {
        return TestOption.ofTests();
    }

    static Stream<DeviceOption<?>> withAttributes() {
        return Stream.concat(ofDevices().stream(), ofTests().stream())
                .filter(option -> !OF_BUILDERS_ONLY.contains(option.name()));
    }

    static Stream<DeviceOption<?>> withoutAttributes() {
        return ofDevices().stream().filter(option -> OF_BUILDERS_ONLY.contains(option.name()));
    }

    // ---- an attribute, a configuration parameter, a line of the pages ----

    static final class LeftOut {
        @DblockDevice
        BlockDevice disk;
    }

    @ParameterizedTest
    @MethodSource("withAttributes")
    void anAttributeHasItsName(DeviceOption<?> option) throws Exception {
        assertThat(DblockDevice.class.getMethod(option.name())).isNotNull();
        assertThat(DeviceSettings.of(LeftOut.class.getDeclaredField("disk").getAnnotation(DblockDevice.class))
                        .has(option))
                .as("said where it is left out")
                .isFalse();
    }

    @ParameterizedTest
    @MethodSource("withAttributes")
    void theAttributeSaysWhatHoldsWhereItIsLeftOut(DeviceOption<?> option) throws IOException {
        String comment = comment("junit/DblockDevice.java", " " + option.name() + "() default ");
        Matcher leftOut = Pattern.compile("Left out: (.*)").matcher(comment);
        boolean isAList = List.of("mkfsOptions", "mountOptions").contains(option.name());
        assertThat(leftOut.find() || isAList).as(comment).isTrue();
        if (option.defaultValue().isPresent()) {
            assertThat(plain(leftOut.group(1))).startsWith(plain(option.defaultText()));
        }
    }

    @ParameterizedTest
    @MethodSource("withAttributes")
    void aConfigurationParameterHasItsName(DeviceOption<?> option) throws Exception {
        assertThat(DblockParameters.class.getField(constant(option)).get(null))
                .isEqualTo(DblockParameters.PREFIX + option.name());
    }

    @ParameterizedTest
    @MethodSource("withAttributes")
    void aTextThatIsNoneOfItsValuesIsToldWithWhatIsAllowed(DeviceOption<?> option) {
        boolean anyText = Stream.of("name", "mkfsOptions", "mountOptions", "image", "artifactsDirectory")
                .anyMatch(option.name()::equals);
        if (anyText) {
            assertThat(option.parse("no such value")).isNotNull();
        } else {
            assertThatThrownBy(() -> option.parse("no such value"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"no such value\"")
                    .hasMessageContaining("Allowed: ");
        }
    }

    @ParameterizedTest
    @MethodSource("withAttributes")
    void thePageListsItWithItsDefault(DeviceOption<?> option) throws IOException {
        String[] columns = Files.readAllLines(Path.of("../docs/devices.md")).stream()
                .map(line -> line.split(" *\\| *"))
                .filter(line -> line.length == 4 && line[1].contains("`" + option.name() + "`"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("docs/devices.md has no row for " + option));
        if (option.defaultValue().isPresent() && !option.defaultText().equals("0")) {
            assertThat(plain(columns[3])).contains(plain(option.defaultText()));
        }
    }

    @Test
    void thereIsNoAttributeThatIsNoOption() {
        assertThat(Arrays.stream(DblockDevice.class.getDeclaredMethods()).map(Method::getName))
                .containsExactlyInAnyOrderElementsOf(
                        withAttributes().map(DeviceOption::name).toList());
    }

    @ParameterizedTest
    @MethodSource("withoutAttributes")
    void anOptionWithoutAnAttributeHasNoParameterEither(DeviceOption<?> option) {
        assertThatThrownBy(() -> DblockParameters.class.getField(constant(option)))
                .isInstanceOf(NoSuchFieldException.class);
    }

    // ---- a method of the builders, and of the spec ----

    /** Records the options that the builders' methods set. */
    private static final class Recorder implements BlockDevice.Options<Recorder> {
        private final Map<DeviceOption<?>, Object> said = new HashMap<>();

        @Override
        public <T> Recorder set(DeviceOption<T> option, T value) {
            option.put(said, value);
            return this;
        }
    }

    private static Object sample(Class<?> type) {
        if (type == int.class) {
            return 1024;
        }
        if (type == long.class) {
            return 1024L;
        }
        if (type == boolean.class) {
            return true;
        }
        if (type == String[].class) {
            return new String[] {SAMPLE};
        }
        if (type == Path.class) {
            return Path.of(SAMPLE);
        }
        if (type == Duration.class) {
            return Duration.ofMillis(1024);
        }
        if (type == Supplier.class) {
            return (Supplier<Object>) Object::new;
        }
        return type.isEnum() ? type.getEnumConstants()[1] : SAMPLE;
    }

    private static Object called(Object builder, Method method) throws ReflectiveOperationException {
        return method.invoke(
                builder,
                Arrays.stream(method.getParameterTypes())
                        .map(OptionsTest::sample)
                        .toArray());
    }

    private static List<Method> methods(Class<?> type, String name) {
        return Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(name) && !method.isBridge())
                .toList();
    }

    @ParameterizedTest
    @MethodSource("ofDevices")
    void theBuildersHaveAMethodThatSetsIt(DeviceOption<?> option) throws Exception {
        String name = option.name().equals("imageMode") ? "image" : option.name();
        List<Method> methods = methods(BlockDevice.Options.class, name);
        assertThat(methods).isNotEmpty();
        for (Method method : methods) {
            Recorder recorder = new Recorder();
            called(recorder, method);
            assertThat(recorder.said.keySet())
                    .as("%s", method)
                    .contains(option)
                    .allMatch(one -> one == option || name.equals("image"));
        }
    }

    @ParameterizedTest
    @MethodSource("ofTests")
    void theBuilderOfTheExtensionHasAMethodThatSetsIt(TestOption<?> option) throws Exception {
        List<Method> methods = methods(DblockExtension.Builder.class, option.name());
        assertThat(methods).isNotEmpty();
        for (Method method : methods) {
            DblockExtension.Builder builder = DblockExtension.builder();
            called(builder, method);
            assertThat(builder.settings().has(option)).as("%s", method).isTrue();
        }
    }

    @ParameterizedTest
    @MethodSource("ofDevices")
    void theBuildersSayTheDefault(DeviceOption<?> option) throws IOException {
        if (option.defaultValue().isEmpty() || option.name().equals("imageMode")) {
            return;
        }
        String comment = comment("BlockDevice.java", " default B " + option.name() + "(");
        Matcher said = Pattern.compile("[Dd]efault:? (.*)").matcher(comment);
        assertThat(said.find()).as(comment).isTrue();
        assertThat(plain(said.group(1))).startsWith(plain(option.defaultText()));
    }

    @ParameterizedTest
    @MethodSource("ofDevices")
    void theSpecHasIt(DeviceOption<?> option) throws Exception {
        DeviceSpec spec = new DeviceSpec(Map.of(DeviceOption.SIZE, 64L << 20));
        Method method = DeviceSpec.class.getMethod(ZONES.contains(option.name()) ? "zones" : option.name());
        Object found = method.invoke(spec);
        boolean isOptional = found instanceof Optional || found instanceof OptionalLong;
        if (option.defaultValue().isPresent() && !isOptional) {
            assertThat(found).isEqualTo(option.defaultValue().get());
        }
    }

    @Test
    void noTwoOptionsHaveOneName() {
        Set<String> names = new LinkedHashSet<>();
        assertThat(Stream.concat(ofDevices().stream(), ofTests().stream()).map(DeviceOption::name))
                .allMatch(names::add);
    }

    @Test
    void anOptionThatThereIsNotIsToldWithThoseThereAre() {
        assertThat(DeviceOption.named("journalEntries")).isSameAs(DeviceOption.JOURNAL_ENTRIES);
        assertThatThrownBy(() -> DeviceOption.named("journalEntires"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"journalEntires\"")
                .hasMessageContaining("Allowed: name, size, filesystem, ");
    }

    @ParameterizedTest
    @MethodSource("values")
    void everyKindOfTextIsRead(DeviceOption<?> option, String text, Object value) {
        assertThat(option.parse(text)).isEqualTo(value);
    }

    static Stream<Arguments> values() {
        return Stream.of(
                Arguments.of(DeviceOption.REQUEST_TIMEOUT, "250ms", Duration.ofMillis(250)),
                Arguments.of(DeviceOption.REQUEST_TIMEOUT, "3 s", Duration.ofSeconds(3)),
                Arguments.of(DeviceOption.REQUEST_TIMEOUT, "2m", Duration.ofMinutes(2)),
                Arguments.of(DeviceOption.REQUEST_TIMEOUT, "1H", Duration.ofHours(1)),
                Arguments.of(DeviceOption.REQUEST_TIMEOUT, "PT0.5S", Duration.ofMillis(500)));
    }

    // ---- what is written ----

    /** {@code JOURNAL_ENTRIES} for {@code journalEntries}. */
    private static String constant(DeviceOption<?> option) {
        return option.name().replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT);
    }

    /** Returns the comment before the first line with {@code declaration} as one line, with links as their last word. */
    private static String comment(String file, String declaration) throws IOException {
        List<String> lines = Files.readAllLines(SOURCES.resolve(file));
        int end = 0;
        while (!lines.get(end).contains(declaration)) {
            end++;
            assertThat(end).as("line of %s with %s", file, declaration).isLessThan(lines.size());
        }
        int begin = end;
        while (!lines.get(begin).strip().startsWith("/**")) {
            begin--;
        }
        return lines.subList(begin, end).stream()
                .map(line -> line.strip()
                        .replaceFirst("^(/\\*\\*|\\*/|\\*)", "")
                        .replace("*/", "")
                        .strip())
                .collect(Collectors.joining(" "))
                .replaceAll("\\{@\\w+ (?:[\\w.]*#)?([^}]*)\\}", "$1");
    }

    /** Normalizes a text for comparison: "256 MiB" equals "256MiB", ON_FAILURE equals "on failure". */
    private static String plain(String text) {
        return text.toLowerCase(Locale.ROOT).replaceAll("[ _`]", "");
    }
}
