package compat;

/** A program that uses the server at {@code server} and checks each result. */
interface Scenario {
  /** {@code server} is host:port.  A check that does not hold throws. */
  void run(String server, String[] args) throws Exception;
}
