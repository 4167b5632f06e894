/** What a picture says of itself before anything is decoded. */
export type Header = {
  readonly width: number
  readonly height: number
  /** Where the picture ends in the file; what follows is not part of it. */
  readonly end: number
}
