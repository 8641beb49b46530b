// A photo on its way to the API while its shopper still types: it goes up once, and every question
// about it names it by its id.

import { failureOf } from "./failure.js";
import { acceptLanguage } from "./language.js";

const FILE_NAMES = { "image/png": "photo.png", "image/webp": "photo.webp" };

// What these say is about the photo itself: sent again it would be refused again.
const ABOUT_THE_PHOTO = new Set([413, 415, 422]);

export class Upload {
  #id = null; // known once the API keeps the photo
  #refusal = null;
  #settled;

  /** `refused(failure)` runs as soon as the API says that it cannot use the photo. */
  constructor(photo, refused) {
    this.photo = photo;
    this.#settled = this.#begin().then(() => this.#refusal && refused(this.#refusal));
  }

  /**
   * Adds the photo to a question's form: its id, or itself where uploads are not kept. Raises
   * AskFailure where the API has refused it.
   */
  async fill(form) {
    await this.#settled;
    if (this.#refusal) throw this.#refusal;
    if (this.#id) form.append("image_id", this.#id);
    else form.append("photo", this.photo, FILE_NAMES[this.photo.type] ?? "photo.jpg"); // not its own name
  }

  /** The API has forgotten the photo: true when it was told by its id and can be sent again. */
  again() {
    if (!this.#id) return false;
    this.#id = null;
    this.#settled = this.#begin();
    return true;
  }

  async #begin() {
    try {
      const headers = { "content-type": this.photo.type, "accept-language": acceptLanguage() };
      const response = await fetch("v1/images", { method: "POST", body: this.photo, headers });
      if (response.ok) this.#id = (await response.json()).id;
      else if (ABOUT_THE_PHOTO.has(response.status)) this.#refusal = await failureOf(response);
    } catch {
      // Offline, perhaps: the question will bring the photo along, and say so if it cannot.
    }
  }
}
