import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Pattern;
import javax.net.ssl.HostnameVerifier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSession;

/**
 * What unload_jdbc.sh asks of PostgreSQL, over JDBC: once how the rows are to be parted, then the rows of each part.
 *
 * <p>Standard input holds the request as properties, the password among them; no argument and no environment has it.
 * All that is said is a line of JSON on standard error, {"status", "problem"}, without a value of any row: messages of
 * the server may quote rows, so that of these only the SQLSTATE is told.
 *
 * <p>"plan" writes {"snapshot", "columns", "bounds", "nullable"} and stays until standard input ends: its transaction,
 * read-only and repeatable read, keeps the snapshot that each "part" takes over. "part" writes its rows, as lines of
 * JSON or CSV, by a cursor, and at its end {"rows"} on standard error.
 *
 * <p>Sources: https://jdbc.postgresql.org/documentation/query/ (cursors),
 * https://jdbc.postgresql.org/documentation/ssl/,
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
 */
public final class UnloadJdbc {
    private static final int LOGIN = 7, TLS = 8, REQUEST = 9, CONNECTION = 10;
    private static final int WAKE_MILLISECONDS = 20_000;
    private static final String WHOLE = "drx_rows";
    private static final Pattern NUMBER = Pattern.compile("-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?");
    private static final Pattern SNAPSHOT = Pattern.compile("[0-9A-Fa-f-]+");
    private static final Set<String> LOST = Set.of("08", "40", "53", "55", "57", "58", "XX");
    private static final Set<Integer> NUMBERS = Set.of(
        Types.SMALLINT, Types.INTEGER, Types.BIGINT, Types.NUMERIC, Types.REAL, Types.DOUBLE);
    private static final Set<Integer> WHOLE_NUMBERS = Set.of(Types.SMALLINT, Types.INTEGER, Types.BIGINT);

    private final Properties asked;

    private UnloadJdbc(Properties asked) {
        this.asked = asked;
    }

    /** What ends the step: its exit status, and words without a value of any row. */
    private static final class Problem extends Exception {
        private static final long serialVersionUID = 1;
        private final int status;

        Problem(int status, String words) {
            super(words);
            this.status = status;
        }
    }

    private record Column(String name, int type, String kind, boolean nullable) { }

    /** The driver's own comparison of the certificate's names with the host, which also remembers what it found. */
    public static final class Verifier implements HostnameVerifier {
        private static volatile boolean refused;

        @Override
        public boolean verify(String host, SSLSession session) {
            boolean same = org.postgresql.ssl.PGjdbcHostnameVerifier.INSTANCE.verify(host, session);
            refused = !same;
            return same;
        }
    }

    public static void main(String[] arguments) throws IOException {
        Properties asked = new Properties();
        StringBuilder request = new StringBuilder();
        for (int next = System.in.read(); next > 0; next = System.in.read()) {
            request.append((char) next);
        }
        asked.load(new java.io.StringReader(request.toString()));
        UnloadJdbc unload = new UnloadJdbc(asked);
        try (Connection connection = unload.connect()) {
            if (arguments[0].equals("plan")) {
                unload.plan(connection);
            } else {
                System.err.println("{\"rows\": " + unload.part(connection) + "}");
            }
        } catch (Problem problem) {
            stop(problem.status, problem.getMessage());
        } catch (SQLException failed) {
            stop(status(failed), words(failed));
        } catch (OutOfMemoryError full) {
            stop(REQUEST, "fetch_rows rows of the source do not fit into memory: write a smaller fetch_rows");
        }
    }

    private static void stop(int status, String words) {
        System.err.println("{\"status\": " + status + ", \"problem\": " + json(words) + "}");
        System.err.flush();
        Runtime.getRuntime().halt(status);
    }

    private Connection connect() throws SQLException {
        Properties wanted = new Properties();
        wanted.setProperty("user", asked.getProperty("username"));
        wanted.setProperty("password", asked.getProperty("password"));
        wanted.setProperty("sslmode", "verify-full");
        wanted.setProperty("sslrootcert", asked.getProperty("ca_file"));
        wanted.setProperty("sslhostnameverifier", Verifier.class.getName());
        wanted.setProperty("gssEncMode", "disable");
        wanted.setProperty("ApplicationName", asked.getProperty("label"));
        wanted.setProperty("connectTimeout", "15");
        wanted.setProperty("loginTimeout", "30");
        wanted.setProperty("socketTimeout", "1800");
        wanted.setProperty("tcpKeepAlive", "true");
        wanted.setProperty("binaryTransfer", "false");
        wanted.setProperty("readOnly", "true");
        String place = asked.getProperty("host") + ":" + asked.getProperty("port");
        String url = "jdbc:postgresql://" + place + "/" + asked.getProperty("database");
        Connection made = DriverManager.getConnection(url, wanted);
        made.setAutoCommit(false);
        made.setReadOnly(true);
        made.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        return made;
    }

    private static String quoted(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    /** The rows that are unloaded, as what stands after FROM. */
    private String source() {
        if (asked.containsKey("query")) {
            return "(" + asked.getProperty("query") + "\n) AS " + quoted(WHOLE);
        }
        StringBuilder table = new StringBuilder();
        for (String part : asked.getProperty("table").split("\\.", -1)) {
            table.append(table.length() == 0 ? "" : ".").append(quoted(part));
        }
        return table + " AS " + quoted(WHOLE);
    }

    private String selected() {
        if (!asked.containsKey("columns")) {
            return "*";
        }
        List<String> names = new ArrayList<>();
        for (String name : asked.getProperty("columns").split(",", -1)) {
            names.add(quoted(name));
        }
        return String.join(", ", names);
    }

    private void plan(Connection connection) throws SQLException, Problem, IOException {
        String snapshot;
        try (Statement statement = connection.createStatement();
             ResultSet row = statement.executeQuery("SELECT pg_export_snapshot()")) {
            row.next();
            snapshot = row.getString(1);
        }
        List<Column> columns;
        String none = "SELECT " + selected() + " FROM " + source() + " WHERE false";
        try (Statement statement = connection.createStatement(); ResultSet empty = statement.executeQuery(none)) {
            columns = columns(empty.getMetaData());
        }
        refuseTwice(columns);
        List<String> bounds = new ArrayList<>();
        boolean nullable = false;
        if (asked.containsKey("split")) {
            Column split = splitColumn(connection);
            nullable = split.nullable();
            bounds = bounds(connection, split);
        }
        List<String> told = new ArrayList<>();
        for (Column each : columns) {
            told.add("{\"name\": " + json(each.name()) + ", \"type\": {\"base\": " + json(each.kind()) + "}}");
        }
        List<String> ends = new ArrayList<>();
        for (String bound : bounds) {
            ends.add(json(bound));
        }
        System.out.println("{\"snapshot\": " + json(snapshot) + ", \"columns\": [" + String.join(", ", told)
            + "], \"bounds\": [" + String.join(", ", ends) + "], \"nullable\": " + nullable + "}");
        System.out.flush();
        stay(connection);
    }

    /** Keep the transaction, and so its snapshot, until standard input ends; a server may end one that is idle. */
    private static void stay(Connection connection) throws SQLException, IOException {
        Thread reader = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException closed) {
                return;
            }
        });
        reader.setDaemon(true);
        reader.start();
        try (Statement statement = connection.createStatement()) {
            while (reader.isAlive()) {
                statement.execute("SELECT 1");
                reader.join(WAKE_MILLISECONDS);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static List<Column> columns(ResultSetMetaData told) throws SQLException {
        List<Column> found = new ArrayList<>();
        for (int i = 1; i <= told.getColumnCount(); i++) {
            boolean nullable = told.isNullable(i) != ResultSetMetaData.columnNoNulls;
            found.add(new Column(told.getColumnLabel(i), told.getColumnType(i), told.getColumnTypeName(i), nullable));
        }
        return found;
    }

    private static void refuseTwice(List<Column> columns) throws Problem {
        Set<String> seen = new LinkedHashSet<>();
        for (Column each : columns) {
            if (!seen.add(each.name())) {
                throw new Problem(REQUEST, "column " + each.name() + " comes twice: name one of them otherwise");
            }
        }
    }

    private Column splitColumn(Connection connection) throws SQLException, Problem {
        String none = "SELECT " + quoted(asked.getProperty("split")) + " FROM " + source() + " WHERE false";
        try (Statement statement = connection.createStatement(); ResultSet empty = statement.executeQuery(none)) {
            Column found = columns(empty.getMetaData()).get(0);
            if (castOf(found) == null) {
                throw new Problem(REQUEST, "split_column " + found.name() + " is of type " + found.kind()
                    + ": name one of whole numbers, dates or timestamps");
            }
            return found;
        }
    }

    private static String castOf(Column split) {
        if (WHOLE_NUMBERS.contains(split.type())) {
            return "bigint";
        }
        if (split.type() == Types.DATE) {
            return "date";
        }
        if (split.type() == Types.TIMESTAMP) {
            return split.kind().equals("timestamptz") ? "timestamptz" : "timestamp";
        }
        return null;
    }

    /** The column's type, and where each part but the first begins: together they are all rows but those with NULL. */
    private List<String> bounds(Connection connection, Column split) throws SQLException, Problem {
        String cast = castOf(split);
        List<String> found = new ArrayList<>(List.of(cast));
        String ordinal = switch (cast) {
            case "bigint" -> "%s";
            case "date" -> "%s - DATE '1970-01-01'";
            default -> "EXTRACT(EPOCH FROM %s) * 1000000";
        };
        boolean given = asked.containsKey("lower");
        String name = quoted(split.name());
        String ends = given
            ? "SELECT CAST(? AS " + cast + ") AS low, CAST(? AS " + cast + ") AS high"
            : "SELECT MIN(" + name + ") AS low, MAX(" + name + ") AS high FROM " + source();
        String asNumbers = "SELECT CAST(" + ordinal.formatted("low") + " AS bigint), CAST(" + ordinal.formatted("high")
            + " AS bigint) FROM (" + ends + ") AS ends";
        try (PreparedStatement statement = connection.prepareStatement(asNumbers)) {
            if (given) {
                statement.setString(1, asked.getProperty("lower"));
                statement.setString(2, asked.getProperty("upper"));
            }
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                long low = row.getLong(1), high = row.getLong(2);
                if (!row.wasNull()) {
                    found.addAll(cuts(low, high, Integer.parseInt(asked.getProperty("parts")), cast));
                }
            }
        } catch (SQLException failed) {
            if (status(failed) != REQUEST) {
                throw failed;
            }
            throw new Problem(REQUEST, "the ends of split_column " + split.name() + " are no " + cast
                + " to count with: write lower and upper (SQLSTATE " + failed.getSQLState() + ")");
        } catch (ArithmeticException tooFar) {
            throw new Problem(REQUEST, "the ends of split_column " + split.name() + " lie too far apart: "
                + "write lower and upper");
        }
        return found;
    }

    private static List<String> cuts(long low, long high, int parts, String cast) {
        long width = Math.addExact(Math.subtractExact(high, low), parts) / parts;
        List<String> found = new ArrayList<>();
        for (long i = 1, at = low; i < parts && high - at >= width; i++) {
            at += width;
            found.add(text(at, cast));
        }
        return found;
    }

    private static String text(long at, String cast) {
        if (cast.equals("bigint")) {
            return Long.toString(at);
        }
        if (cast.equals("date")) {
            return LocalDate.ofEpochDay(at).toString();
        }
        Instant instant = Instant.ofEpochSecond(Math.floorDiv(at, 1_000_000L), Math.floorMod(at, 1_000_000L) * 1_000L);
        boolean zoned = cast.equals("timestamptz");
        return zoned ? instant.toString() : LocalDateTime.ofInstant(instant, ZoneOffset.UTC).toString();
    }

    private long part(Connection connection) throws SQLException, Problem, IOException {
        String snapshot = asked.getProperty("snapshot");
        if (!SNAPSHOT.matcher(snapshot).matches()) {
            throw new Problem(CONNECTION, "the database has named a snapshot in a form that is not known");
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET TRANSACTION SNAPSHOT '" + snapshot + "'");
        } catch (SQLException gone) {
            throw new Problem(CONNECTION, "the snapshot is gone (SQLSTATE " + gone.getSQLState() + ")");
        }
        List<String> bounds = new ArrayList<>();
        String rows = "SELECT " + selected() + " FROM " + source() + where(bounds);
        try (PreparedStatement statement = connection.prepareStatement(rows)) {
            statement.setFetchSize(Integer.parseInt(asked.getProperty("fetch_rows")));
            for (int i = 0; i < bounds.size(); i++) {
                statement.setString(i + 1, bounds.get(i));
            }
            try (ResultSet row = statement.executeQuery()) {
                return write(row);
            }
        }
    }

    private String where(List<String> bounds) {
        if (asked.containsKey("null")) {
            return " WHERE " + quoted(asked.getProperty("split")) + " IS NULL";
        }
        List<String> found = new ArrayList<>();
        for (String end : List.of("from", "until")) {
            if (asked.containsKey(end)) {
                String compared = end.equals("from") ? " >= CAST(? AS " : " < CAST(? AS ";
                found.add(quoted(asked.getProperty("split")) + compared + asked.getProperty("cast") + ")");
                bounds.add(asked.getProperty(end));
            }
        }
        if (found.isEmpty()) {
            boolean apart = asked.containsKey("not_null");
            return apart ? " WHERE " + quoted(asked.getProperty("split")) + " IS NOT NULL" : "";
        }
        return " WHERE " + String.join(" AND ", found);
    }

    private long write(ResultSet row) throws SQLException, Problem, IOException {
        List<Column> columns = columns(row.getMetaData());
        boolean csv = asked.getProperty("format").equals("csv");
        long rows = 0;
        Writer lines = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16);
        StringBuilder line = new StringBuilder();
        while (row.next()) {
            line.setLength(0);
            for (int i = 0; i < columns.size(); i++) {
                line.append(i > 0 ? "," : csv ? "" : "{");
                String value = value(row, i + 1, columns.get(i));
                if (csv) {
                    line.append(value == null ? "" : field(value, columns.get(i)));
                } else {
                    line.append(json(columns.get(i).name())).append(':');
                    line.append(value == null ? "null" : member(value, columns.get(i)));
                }
            }
            lines.append(line).append(csv ? "\n" : "}\n");
            rows++;
        }
        lines.flush();
        if (System.out.checkError()) {
            throw new Problem(CONNECTION, "nobody takes the rows any more");
        }
        return rows;
    }

    /** The value as PostgreSQL writes it; times in ISO 8601, those with a zone in UTC, which the JVM's zone is. */
    private static String value(ResultSet row, int number, Column column) throws SQLException {
        String found = row.getString(number);
        if (found == null) {
            return null;
        }
        if (column.type() == Types.BIT && column.kind().equals("bool")) {
            return found.startsWith("t") ? "true" : "false";
        }
        if (column.type() == Types.TIMESTAMP) {
            String moment = found.replaceFirst(" ", "T");
            return moment.endsWith("+00") ? moment.substring(0, moment.length() - 3) + "Z" : moment;
        }
        return found;
    }

    private static String member(String value, Column column) {
        boolean bare = NUMBERS.contains(column.type()) && NUMBER.matcher(value).matches();
        return bare || column.type() == Types.BIT && column.kind().equals("bool") ? value : json(value);
    }

    private static String field(String value, Column column) throws Problem {
        if (value.indexOf('\n') >= 0 || value.indexOf('\r') >= 0) {
            throw new Problem(REQUEST, "column " + column.name() + " has a line break in a value, "
                + "where CSV is split at lines: write format json");
        }
        boolean plain = !value.isEmpty() && value.indexOf(',') < 0 && value.indexOf('"') < 0;
        return plain ? value : '"' + value.replace("\"", "\"\"") + '"';
    }

    private static String json(String text) {
        StringBuilder written = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char each = text.charAt(i);
            if (each == '"' || each == '\\') {
                written.append('\\').append(each);
            } else if (each < ' ') {
                written.append(String.format("\\u%04x", (int) each));
            } else {
                written.append(each);
            }
        }
        return written.append('"').toString();
    }

    /** What a failure means for the step. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
    private static int status(SQLException failed) {
        String state = failed.getSQLState() == null ? "" : failed.getSQLState();
        if (isOfTls(failed)) {
            return TLS;
        }
        if (state.startsWith("28") || state.equals("42501")) {
            return LOGIN;
        }
        boolean lost = state.isEmpty() || LOST.contains(state.substring(0, 2));
        return lost ? CONNECTION : REQUEST;
    }

    private static String words(SQLException failed) {
        String state = " (SQLSTATE " + failed.getSQLState() + ")";
        return switch (status(failed)) {
            case TLS -> (Verifier.refused ? "the server's certificate is not for this host"
                : "the server's certificate is not of the CA that is trusted, or TLS fails otherwise") + state;
            case LOGIN -> ("42501".equals(failed.getSQLState())
                ? "the user may not read the table or one of its columns" : "the database refuses the login") + state;
            case REQUEST -> switch (String.valueOf(failed.getSQLState())) {
                case "3D000" -> "there is no such database" + state;
                case "42P01", "3F000" -> "there is no such table" + state;
                case "42703" -> "there is no such column" + state;
                default -> "the database cannot run the query" + state;
            };
            default -> "the connection to the database failed" + state;
        };
    }

    private static boolean isOfTls(SQLException failed) {
        for (Throwable each = failed; each != null; each = each.getCause()) {
            if (each instanceof SSLException || each instanceof java.security.GeneralSecurityException) {
                return true;
            }
        }
        return Verifier.refused;
    }
}
