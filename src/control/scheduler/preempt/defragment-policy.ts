/** The operator's wish to have running jobs moved; absent from a snapshot: none is. */
export interface DefragmentPolicy {
  movesPerHour: number;
  movesLastHour: number;
}
